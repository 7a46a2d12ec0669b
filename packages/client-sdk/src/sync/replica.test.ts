import { describe, expect, it } from "@jest/globals";
import {
  ChangeOperation,
  type PartialMessage,
  type SyncSibling,
  ConflictPolicy,
  encodeStatusDetails,
  decodeMessage,
  ServiceError,
  Status,
  SyncOutcome,
} from "@millrace/shared-types";

import { eventually } from "../testing/eventually.js";
import { change, documentsOf, gone, ScriptedServer } from "./scripted-sync-server.test.support.js";
import type { ReplicaStatus, SyncChangeEvent, SyncConflict } from "./types.js";

const REFUSAL = decodeMessage(Status, encodeStatusDetails(new ServiceError("REVISION_MISMATCH", "too late")));

describe("a replica", () => {
  it("works before there is a server, and pushes then what was written, in order", async () => {
    await using server = new ScriptedServer();
    await server.transport.stop();
    await using replica = await server.open();
    const notes = replica.collection("notes");
    await notes.put("a", { n: 1 });
    await notes.put("a", { n: 2 });
    await notes.put("b", "text");
    await notes.delete("b");
    expect(documentsOf(replica)).toEqual(['a={"n":2}*']);
    expect(replica.status).toMatchObject({ state: "offline", pendingChanges: 4 });
    server.transport.restart();
    const session = await server.session();
    expect(await session.welcome()).toMatchObject({ replicaId: replica.replicaId, live: true });
    const pushed = await session.answer();
    expect(pushed.map(({ docId, operation, replicaSequence }) => [docId, operation, replicaSequence])).toEqual([
      ["a", ChangeOperation.UPSERT, 1],
      ["a", ChangeOperation.UPSERT, 2],
      ["b", ChangeOperation.UPSERT, 3],
      ["b", ChangeOperation.DELETE, 4],
    ]);
    expect([pushed[0]?.base, pushed[1]?.base]).toEqual([undefined, pushed[0]?.time]);
    session.checkpoint("done");
    await eventually(() => expect(documentsOf(replica)).toEqual(['a={"n":2}']));
    expect(replica.status).toMatchObject({ state: "live", pendingChanges: 0, syncedAt: expect.any(Date) });
  });

  it("shows what the server sends at the checkpoint, and not before", async () => {
    await using server = new ScriptedServer();
    await using replica = await server.open();
    const session = await server.session();
    await session.welcome({}, [change("a", 1)]);
    await eventually(() => expect(documentsOf(replica)).toEqual(["a=1"]));
    session.changes([change("a", 2, { sequence: 2 }), change("b", 2, { sequence: 3 })], "half");
    expect(await session.expect("ack")).toMatchObject({ cursors: new Map([["notes", "begun"]]) });
    await session.expect("ack");
    expect(documentsOf(replica)).toEqual(["a=1"]);
    session.changes([gone("a", 4)], "all");
    session.checkpoint("all");
    await eventually(() => expect(documentsOf(replica)).toEqual(["b=2"]));
  });

  it("keeps what is written visible until a checkpoint has it, then shows what the server made of it", async () => {
    await using server = new ScriptedServer();
    await using replica = await server.open();
    const session = await server.session();
    await session.welcome({}, [change("a", 1)]);
    await eventually(() => expect(replica.status.state).toBe("live"));
    await replica.collection("notes").put("a", "mine");
    await session.answer([SyncOutcome.SUPERSEDED]);
    session.changes([change("a", "theirs", { sequence: 9 })], "next");
    await eventually(() => expect(replica.status.pendingChanges).toBe(0));
    expect(documentsOf(replica)).toEqual(['a="mine"*']);
    session.checkpoint("next");
    await eventually(() => expect(documentsOf(replica)).toEqual(['a="theirs"']));
  });

  it("takes its own change for the server's version once that is applied, unless a newer one has come", async () => {
    await using server = new ScriptedServer();
    await using replica = await server.open();
    const session = await server.session();
    await session.welcome();
    await eventually(() => expect(replica.status.state).toBe("live"));
    await replica.write([
      { collection: "notes", id: "a", put: 1 },
      { collection: "notes", id: "b", put: 1 },
    ]);
    await session.answer(); // at the sequences 101 and 102
    session.changes([change("b", "newer", { sequence: 103 })], "next");
    session.checkpoint("next");
    await eventually(() => expect(documentsOf(replica)).toEqual(["a=1", 'b="newer"']));
  });

  it("goes on at its cursor after the connection is lost, and repeats what was not settled", async () => {
    await using server = new ScriptedServer();
    await using replica = await server.open();
    const first = await server.session();
    await first.welcome();
    await eventually(() => expect(replica.status.state).toBe("live"));
    await replica.collection("notes").put("a", 1);
    await first.answer();
    first.changes([change("b", 1)], "staged");
    await first.expect("ack");
    server.transport.disconnect();
    const second = await server.session();
    const hello = await second.welcome({ lastReplicaSequence: 1 });
    expect(hello.collections).toMatchObject([{ name: "notes", cursor: "staged" }]);
    const again = await second.answer([SyncOutcome.DUPLICATE]);
    expect(again.map(({ replicaSequence }) => replicaSequence)).toEqual([1]);
    second.changes([change("a", 1, { sequence: 5 })], "end");
    second.checkpoint("end");
    await eventually(() => expect(documentsOf(replica)).toEqual(["a=1", "b=1"]));
  });

  it("loads a collection anew after a reset, and shows what was there until all of it has come", async () => {
    await using server = new ScriptedServer();
    await using replica = await server.open();
    const session = await server.session();
    await session.welcome({}, [change("a", 1), change("b", 1)]);
    await eventually(() => expect(documentsOf(replica)).toEqual(["a=1", "b=1"]));
    session.say({ $case: "reset", value: { collection: "notes" } });
    session.changes([change("b", 2, { sequence: 7 })], "anew");
    await session.expect("ack");
    expect(documentsOf(replica)).toEqual(["a=1", "b=1"]);
    session.checkpoint("anew");
    await eventually(() => expect(documentsOf(replica)).toEqual(["b=2"]));
  });

  it("tells of a refused change, keeps it until it is dismissed, and shows what the server has", async () => {
    await using server = new ScriptedServer();
    const told: SyncConflict[] = [];
    await using replica = await server.open({ onConflict: (conflict) => told.push(conflict) });
    const session = await server.session();
    await session.welcome({ policies: new Map([["notes", ConflictPolicy.REJECT]]) }, [change("a", "theirs")]);
    await eventually(() => expect(replica.status.state).toBe("live"));
    const notes = replica.collection("notes");
    await notes.put("a", "mine");
    const { pushId } = await session.expect("push");
    const refused = { replicaSequence: 1, outcome: SyncOutcome.CONFLICT, status: REFUSAL };
    session.say({ $case: "pushResult", value: { pushId, results: [refused], lastReplicaSequence: 1 } });
    session.checkpoint("next");
    await eventually(() => expect(told).toHaveLength(1));
    expect(documentsOf(replica)).toEqual(['a="theirs"']);
    expect([...notes.conflicts()]).toMatchObject([{ id: "a", reason: "REVISION_MISMATCH", message: "too late" }]);
    expect(told[0]?.mine?.json()).toBe("mine");
    await notes.dismissConflict("a");
    expect([...notes.conflicts()]).toEqual([]);
  });

  it("pushes only the fields that have changed where the server merges fields", async () => {
    await using server = new ScriptedServer();
    await using replica = await server.open();
    const session = await server.session();
    const policies = new Map([["notes", ConflictPolicy.FIELD_LAST_WRITER_WINS]]);
    await session.welcome({ policies }, [change("a", { x: 1, y: { z: 1 }, w: 1 })]);
    await eventually(() => expect(replica.status.state).toBe("live"));
    await replica.collection("notes").put("a", { x: 1, y: { z: 2 } });
    const [pushed] = await session.answer();
    expect(pushed?.operation).toBe(ChangeOperation.PATCH);
    expect(JSON.parse(Buffer.from(pushed?.content ?? "").toString())).toEqual({ y: { z: 2 }, w: null });
  });

  it("includes the siblings that it knows in what it writes", async () => {
    await using server = new ScriptedServer();
    await using replica = await server.open();
    const session = await server.session();
    const clocks = new Map([["r1", 4], ["r2", 7]]); // prettier-ignore
    const { content, time, contentType } = change("a", "other");
    const sibling = { content, time, contentType } as PartialMessage<SyncSibling>;
    await session.welcome({}, [change("a", "one", { siblings: [sibling], context: { clocks } })]);
    await eventually(() => expect(replica.status.state).toBe("live"));
    const notes = replica.collection("notes");
    expect(notes.get("a")?.siblings.map((version) => version.json())).toEqual(["other"]);
    await notes.put("a", "both");
    const [pushed] = await session.answer();
    expect(pushed?.context?.clocks).toEqual(clocks);
  });

  it("does not split changes that were made together over two pushes", async () => {
    await using server = new ScriptedServer();
    await server.transport.stop();
    await using replica = await server.open();
    const put = "x".repeat(400 * 1024);
    await replica.write(["a", "b"].map((id) => ({ collection: "notes", id, put })));
    await replica.write(["c", "d"].map((id) => ({ collection: "notes", id, put })));
    server.transport.restart();
    const session = await server.session();
    await session.welcome();
    expect((await session.answer()).map(({ docId }) => docId)).toEqual(["a", "b"]);
    expect((await session.answer()).map(({ docId }) => docId)).toEqual(["c", "d"]);
  });

  it("takes a new identity when the server has forgotten it, and pushes under that what is left", async () => {
    await using server = new ScriptedServer();
    const before = await server.open();
    const first = await server.session();
    await first.welcome();
    await before.collection("notes").put("a", 1);
    await first.answer();
    first.checkpoint("one");
    await eventually(() => expect(documentsOf(before)).toEqual(["a=1"]));
    await before.collection("notes").put("b", 2);
    await before.close();
    await using replica = await server.open();
    const synced = replica.synced();
    const second = await server.session();
    expect((await second.expect("hello")).replicaId).toBe(before.replicaId);
    second.say({ $case: "welcome", value: { lastReplicaSequence: 0 } });
    const third = await server.session();
    const { replicaId } = await third.welcome();
    expect(replicaId).not.toBe(before.replicaId);
    expect(await third.answer()).toMatchObject([{ docId: "b", replicaSequence: 1 }]);
    expect(replica.replicaId).toBe(replicaId);
    third.checkpoint("two");
    await synced;
  });

  it("gives new times to changes that are ahead of the server's clock", async () => {
    await using server = new ScriptedServer();
    await server.transport.stop();
    await using replica = await server.open();
    await replica.collection("notes").put("a", 1);
    await replica.collection("notes").put("a", 2);
    server.transport.restart();
    const session = await server.session();
    const serverMs = Date.now() - 3_600_000;
    await session.welcome({ clock: { wallMs: serverMs, counter: 0, nodeId: "server" } });
    const [one, two] = await session.answer();
    expect(one?.time?.wallMs).toBeGreaterThanOrEqual(serverMs);
    expect(one?.time?.wallMs).toBeLessThan(serverMs + 30_000);
    expect(two?.base).toEqual(one?.time);
    expect(two?.time).not.toEqual(one?.time);
  });

  it("ends with what is final, and works on its own from then on", async () => {
    await using server = new ScriptedServer();
    const seen: string[] = [];
    await using replica = await server.open({ onStatus: ({ state }: ReplicaStatus) => seen.push(state) });
    const session = await server.session();
    await session.welcome();
    await eventually(() => expect(seen).toEqual(["syncing", "live"]));
    session.say({ $case: "error", value: { status: REFUSAL } });
    await eventually(() => expect(replica.status.state).toBe("failed"));
    expect(replica.status.error).toMatchObject({ kind: "aborted", reason: "REVISION_MISMATCH" });
    await expect(replica.synced()).rejects.toMatchObject({ reason: "REVISION_MISMATCH" });
    await replica.collection("notes").put("a", 1);
    expect(documentsOf(replica)).toEqual(["a=1*"]);
  });
});

describe("synced", () => {
  it("waits for what was written before, and for what the server has then", async () => {
    await using server = new ScriptedServer();
    await using replica = await server.open();
    const session = await server.session();
    await session.welcome();
    await eventually(() => expect(replica.status.state).toBe("live"));
    const order: string[] = [];
    const synced = replica.synced().then(() => order.push("synced"));
    session.checkpoint("under way"); // from before the replica asked
    const { pushId, changes } = await session.expect("push");
    await eventually(() =>
      expect(Buffer.from(server.store.get("followed", "notes") ?? []).toString()).toContain("under way"),
    );
    order.push("answered");
    expect(changes).toEqual([]);
    session.say({ $case: "pushResult", value: { pushId, results: [], lastReplicaSequence: 0 } });
    session.changes([change("a", 1)], "next");
    session.checkpoint("next");
    await synced;
    expect(order).toEqual(["answered", "synced"]);
    expect(documentsOf(replica)).toEqual(["a=1"]);
  });

  it("ends with its timeout, its signal, and the replica", async () => {
    await using server = new ScriptedServer();
    await server.transport.stop();
    const replica = await server.open();
    await expect(replica.synced({ timeoutMs: 5 })).rejects.toMatchObject({ kind: "deadline-exceeded" });
    await expect(replica.synced({ signal: AbortSignal.abort() })).rejects.toMatchObject({ kind: "cancelled" });
    const waiting = replica.synced();
    const isOver = waiting.catch((error: unknown) => error);
    await replica.close();
    expect(await isOver).toMatchObject({ kind: "cancelled" });
    await expect(replica.synced()).rejects.toMatchObject({ kind: "cancelled" });
  });
});

describe("changes", () => {
  it("tell of documents that change here and elsewhere, each once for a slow reader", async () => {
    await using server = new ScriptedServer();
    const replica = await server.open();
    const session = await server.session();
    await session.welcome();
    await eventually(() => expect(replica.status.state).toBe("live"));
    const changes = replica.collection("notes").changes()[Symbol.asyncIterator]();
    const next = async (): Promise<unknown> => {
      const { value } = (await changes.next()) as { value: SyncChangeEvent | undefined };
      return value?.type === "changed" ? `${value.id}=${value.document?.text() ?? "-"}` : value;
    };
    await replica.collection("notes").put("a", 1);
    await replica.collection("notes").put("a", 2);
    expect(await next()).toBe("a=2");
    await session.answer(); // the first of both
    session.changes([change("b", 1), gone("a", 500)], "next");
    session.checkpoint("next");
    expect(new Set([await next(), await next()])).toEqual(new Set(["a=2", "b=1"])); // the second is still pending
    await replica.close();
    expect(await next()).toBeUndefined();
  });

  it("end with their signal", async () => {
    await using server = new ScriptedServer();
    await using replica = await server.open();
    const abort = new AbortController();
    const events: unknown[] = [];
    const reading = (async () => {
      for await (const event of replica.collection("notes").changes({ signal: abort.signal })) events.push(event);
    })();
    abort.abort();
    await reading;
    expect(events).toEqual([]);
  });
});

describe("what is no replica, document or option", () => {
  it("is refused", async () => {
    await using server = new ScriptedServer();
    await expect(server.open({ collections: [] })).rejects.toThrow(TypeError);
    await expect(server.open({ collections: ["No"] })).rejects.toThrow(TypeError);
    await expect(server.open({ path: "x" })).rejects.toThrow("not both");
    await expect(server.open({ heartBeatMs: 1 } as never)).rejects.toThrow("did you mean heartbeatMs");
    for (const heartbeatMs of [1, 999, 600_001]) {
      await expect(server.open({ heartbeatMs })).rejects.toThrow("not 1000 to 600000, or 0 for none");
    }
    await using replica = await server.open();
    const notes = replica.collection("notes");
    expect(() => replica.collection("other")).toThrow(TypeError);
    await expect(notes.put("", 1)).rejects.toThrow(TypeError);
    await expect(notes.put("a\ud800", 1)).rejects.toThrow(TypeError);
    await expect(notes.put("a", undefined)).rejects.toThrow(TypeError);
    await expect(notes.put("a", "x".repeat(1024 * 1024))).rejects.toThrow(RangeError);
    await expect(
      replica.write(Array.from({ length: 501 }, (_, n) => ({ collection: "notes", id: String(n), put: 1 }))),
    ).rejects.toThrow(RangeError);
    expect(documentsOf(replica)).toEqual([]);
    await replica.close();
    await expect(notes.put("a", 1)).rejects.toMatchObject({ kind: "cancelled" });
    expect(() => notes.get("a")).toThrow("closed");
  });

  it("queries by prefix, condition and limit, in bytewise order", async () => {
    await using server = new ScriptedServer();
    await using replica = await server.open();
    const notes = replica.collection("notes");
    await replica.write(["b/2", "a", "b/1", "é", "b/3"].map((id) => ({ collection: "notes", id, put: id })));
    const ids = (options: Parameters<typeof notes.query>[0]) => [...notes.query(options)].map(({ id }) => id);
    expect(ids({})).toEqual(["a", "b/1", "b/2", "b/3", "é"]);
    expect(ids({ prefix: "b/", limit: 2 })).toEqual(["b/1", "b/2"]);
    expect(ids({ where: ({ id }) => id !== "a", limit: 1 })).toEqual(["b/1"]);
    await notes.put("bytes", Uint8Array.of(1, 2), { contentType: "image/x" });
    expect(notes.get("bytes")).toMatchObject({ contentType: "image/x", data: Uint8Array.of(1, 2) });
  });
});
