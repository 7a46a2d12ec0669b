import { describe, expect, it } from "@jest/globals";
import {
  ChangeOperation,
  ConflictPolicy,
  MAX_CLOCK_SKEW_MS,
  StatusCode,
  SyncOutcome,
  SyncPush,
  type SyncRequest,
} from "@millrace/shared-types";

import { callOf } from "../files/files-fixture.test.support.js";

import { applyPush } from "./apply-push.js";
import { syncData } from "./sync-data.js";
import {
  at,
  openSyncFixture,
  outcomes,
  remove,
  RETENTION_MS,
  TestReplica,
  told,
  upsert,
  vacuum,
} from "./sync-fixture.test.support.js";

describe("SyncData", () => {
  it("wants hello first, also of the seed's client, whose messages are empty", async () => {
    const { deps } = await openSyncFixture();
    for (const kind of [undefined, { $case: "credit", value: { changes: 1 } }] as const) {
      const replica = new TestReplica(deps, "r1");
      replica.send(kind);
      await expect(replica.next()).rejects.toMatchObject({
        code: StatusCode.INVALID_ARGUMENT,
        reason: "PROTOCOL_VIOLATION",
        metadata: { expected: "hello" },
      });
    }
    const nothing = (async function* (): AsyncGenerator<SyncRequest> {})();
    const ended = syncData(nothing, callOf().context, deps);
    await expect(ended.next()).rejects.toMatchObject({ reason: "PROTOCOL_VIOLATION" });
  });

  it("wants nothing but hello refused later, and ends at a second one", async () => {
    const { deps } = await openSyncFixture();
    const replica = await TestReplica.connected(deps, "r1");
    replica.hello();
    await expect(replica.next()).rejects.toMatchObject({ reason: "PROTOCOL_VIOLATION" });
  });

  it("welcomes with its clock, the policies, the retention, and how far it knows the replica", async () => {
    const { deps } = await openSyncFixture(ConflictPolicy.REJECT);
    const first = await TestReplica.connected(deps, "r1");
    await first.push([upsert("a", "1")]);
    const again = new TestReplica(deps, "r1");
    again.hello();
    expect(await again.expect("welcome")).toMatchObject({
      serverId: "server",
      lastReplicaSequence: 1,
      clock: at(0, "server"),
      policies: new Map([["c", ConflictPolicy.REJECT]]),
      tombstoneRetention: { seconds: RETENTION_MS / 1000 },
    });
  });

  it("ends the older session of a replica, and keeps it from other users", async () => {
    const { deps } = await openSyncFixture();
    const older = await TestReplica.connected(deps, "r1");
    const ended = older.next().catch((error: unknown) => error);
    const newer = await TestReplica.connected(deps, "r1");
    expect(await ended).toMatchObject({ code: StatusCode.ABORTED, reason: "CONSUMER_REPLACED" });
    await newer.push([upsert("a", "1")]);
    const stranger = new TestReplica(deps, "r1", "mallory");
    stranger.hello();
    await expect(stranger.next()).rejects.toMatchObject({ reason: "PERMISSION_DENIED" });
    await newer.push([upsert("a", "2", { time: at(2), base: at(1) })]); // it was not replaced
  });

  it("welcomes with the incarnation that has pushed, and takes nothing from another that did not hear of it", async () => {
    const { deps } = await openSyncFixture();
    const original = await TestReplica.connected(deps, "r1", { incarnation: "original" });
    const copy = new TestReplica(deps, "r1");
    copy.hello({ incarnation: "copy" });
    expect(await copy.expect("welcome")).toMatchObject({ incarnation: "", lastReplicaSequence: 0 });
    await copy.checkpoint();
    await expect(original.next()).rejects.toMatchObject({ reason: "CONSUMER_REPLACED" });
    // Was on its way when the session was ended.
    const pusher = {
      replicaId: "r1",
      userId: callOf().context.principal.id,
      incarnation: "original",
      welcomedAfter: "",
    };
    const push = SyncPush.fromPartial({ changes: [upsert("a", "original", { replicaSequence: 1 })] });
    await applyPush(push, pusher, deps);
    await expect(copy.push([upsert("a", "copy")])).rejects.toMatchObject({ reason: "BACKEND_UNAVAILABLE" });
    const again = new TestReplica(deps, "r1");
    again.hello({ incarnation: "original" });
    expect(await again.expect("welcome")).toMatchObject({ incarnation: "original", lastReplicaSequence: 1 });
  });

  it("refuses collections that there are not, filters and ids that are none", async () => {
    const { deps } = await openSyncFixture();
    const refused = async (hello: Parameters<TestReplica["hello"]>[0]): Promise<unknown> => {
      const replica = new TestReplica(deps, "r1");
      replica.hello(hello);
      return replica.next().catch((error: unknown) => error);
    };
    expect(await refused({ collections: [{ name: "nope" }] })).toMatchObject({ reason: "RESOURCE_NOT_FOUND" });
    expect(await refused({ collections: [{ name: "c", filter: "doc." }] })).toMatchObject({ reason: "INVALID_FILTER" });
    expect(await refused({ replicaId: "" })).toMatchObject({ reason: "INVALID_FIELD" });
    expect(await refused({ replicaId: "server" })).toMatchObject({ reason: "INVALID_FIELD" });
    const many = Array.from({ length: 101 }, () => ({ name: "c" }));
    expect(await refused({ collections: many })).toMatchObject({ reason: "LIMIT_EXCEEDED" });
  });

  it("sends everything, then a checkpoint, then what others change, and not what the replica changed itself", async () => {
    const { deps } = await openSyncFixture();
    const one = await TestReplica.connected(deps, "r1");
    expect(told((await one.push([upsert("a", "1"), upsert("b", "2")])).changes)).toEqual([]);
    const other = new TestReplica(deps, "r2");
    other.hello();
    await other.expect("welcome");
    expect(told((await other.checkpoint()).changes)).toEqual(["a=1", "b=2"]);
    await one.push([remove("a", { time: at(2), base: at(1) }), upsert("b", "3", { time: at(3), base: at(1) })]);
    expect(told((await other.checkpoint()).changes)).toEqual(["a-", "b=3"]);
  });

  it("goes on at a cursor, without what was before", async () => {
    const { deps } = await openSyncFixture();
    const one = await TestReplica.connected(deps, "r1");
    await one.push([upsert("a", "1")]);
    const { began } = await TestReplica.connected(deps, "r2");
    await one.push([upsert("b", "2")]);
    const again = new TestReplica(deps, "r2");
    again.hello({ collections: [{ name: "c", cursor: began.cursors.get("c") ?? "" }] });
    await again.expect("welcome");
    expect(told((await again.checkpoint()).changes)).toEqual(["b=2"]);
  });

  it("resets a replica that was away for longer than deletions are remembered, and the stream goes on", async () => {
    const fixture = await openSyncFixture();
    const { deps, clock } = fixture;
    const one = await TestReplica.connected(deps, "r1");
    await one.push([upsert("a", "1"), upsert("b", "2")]);
    const { began } = await TestReplica.connected(deps, "r2");
    await one.push([remove("a", { time: at(2), base: at(1) })]);
    clock.advance(RETENTION_MS + 1);
    await vacuum(fixture);
    const again = new TestReplica(deps, "r2");
    again.hello({ collections: [{ name: "c", cursor: began.cursors.get("c") ?? "" }] });
    await again.expect("welcome");
    expect(await again.expect("reset")).toMatchObject({ collection: "c", status: { code: StatusCode.OUT_OF_RANGE } });
    expect(told((await again.checkpoint()).changes)).toEqual(["b=2"]);
    await one.push([upsert("c", "3", { time: at(3) })]);
    expect(told((await again.checkpoint()).changes)).toEqual(["c=3"]);
  });

  it("resets at cursors of other data, and at those of another filter", async () => {
    const { deps } = await openSyncFixture();
    const { began } = await TestReplica.connected(deps, "r2");
    const cursor = began.cursors.get("c") ?? "";
    for (const followed of [
      { name: "c", cursor: "damaged" },
      { name: "c", cursor, filter: 'doc.id == "a"' },
    ]) {
      const again = new TestReplica(deps, "r2");
      again.hello({ collections: [followed] });
      await again.expect("welcome");
      expect(await again.expect("reset")).toMatchObject({ status: { code: StatusCode.INVALID_ARGUMENT } });
      await again.checkpoint();
    }
  });

  it("applies a change once, however often it comes, and not one after a hole", async () => {
    const { deps } = await openSyncFixture();
    const replica = await TestReplica.connected(deps, "r1");
    const first = { ...upsert("a", "1"), replicaSequence: 1 };
    expect(outcomes(await replica.push([first]))).toEqual(["APPLIED"]);
    const again = await replica.push([first, { ...upsert("b", "2"), replicaSequence: 3 }]);
    expect(outcomes(again)).toEqual(["DUPLICATE", "REJECTED"]);
    expect(again.lastReplicaSequence).toBe(1);
    expect(again.results[1]?.status).toMatchObject({ code: StatusCode.OUT_OF_RANGE });
    expect(outcomes(await replica.push([{ ...upsert("b", "2"), replicaSequence: 2 }]))).toEqual(["APPLIED"]);
  });

  it("sends a replica its own version when it did not hear that it was applied", async () => {
    const { deps } = await openSyncFixture();
    const first = await TestReplica.connected(deps, "r1");
    await first.push([upsert("a", "1")]);
    const again = await TestReplica.connected(deps, "r1", {
      collections: [{ name: "c", cursor: first.began.cursors.get("c") ?? "" }],
    });
    const repeated = await again.push([{ ...upsert("a", "1"), replicaSequence: 1 }]);
    expect(outcomes(repeated)).toEqual(["DUPLICATE"]);
    expect(told(repeated.changes)).toEqual(["a=1"]);
  });

  it("rejects a change from the far future, and what can never be stored, for good", async () => {
    const { deps } = await openSyncFixture();
    const replica = await TestReplica.connected(deps, "r1");
    const { results, lastReplicaSequence } = await replica.push([
      upsert("a", "1", { time: at(MAX_CLOCK_SKEW_MS + 1) }),
      upsert("a", "2", { time: at(MAX_CLOCK_SKEW_MS) }),
      upsert("", "3"),
      upsert("b", "4", { base: at(2) }),
      upsert("b", "5", { replicaId: "r2" }),
      upsert("b", "6", { collection: "nope" }),
      upsert("b", "7", { operation: ChangeOperation.REMOVED }),
      { collection: "c", docId: "b", operation: ChangeOperation.UPSERT },
      upsert("b", "x".repeat(1024 * 1024 + 1)),
      upsert("b", "9", { context: { clocks: new Map([["r2", 1]]) } }),
    ]);
    const { APPLIED, REJECTED } = SyncOutcome;
    expect(results.map(({ outcome }) => outcome)).toEqual([
      REJECTED,
      APPLIED,
      ...Array.from({ length: 8 }, () => REJECTED),
    ]);
    expect(results.map(({ status }) => status?.code ?? 0)).toEqual([3, 0, 3, 3, 3, 5, 3, 3, 3, 3]);
    expect(lastReplicaSequence).toBe(10);
  });

  it("refuses a push that is too large, by its id, and goes on", async () => {
    const { deps } = await openSyncFixture();
    const replica = await TestReplica.connected(deps, "r1");
    const changes = Array.from({ length: 1001 }, (_, n) => ({ ...upsert("a", "1"), replicaSequence: n + 1 }));
    replica.send({ $case: "push", value: { pushId: 7, changes } });
    expect(await replica.expect("error")).toMatchObject({ pushId: 7, status: { code: StatusCode.INVALID_ARGUMENT } });
    expect(outcomes(await replica.push([upsert("a", "1")]))).toEqual(["APPLIED"]);
  });

  it("ends with OK after a half-close, once everything is answered and sent", async () => {
    const { deps } = await openSyncFixture();
    const replica = await TestReplica.connected(deps, "r1", { live: false });
    replica.send({ $case: "push", value: { pushId: 1, changes: [{ ...upsert("a", "1"), replicaSequence: 1 }] } });
    replica.end();
    await replica.expect("pushResult");
    await replica.expect("checkpoint");
    expect(await replica.next()).toBeUndefined();
  });

  it("sends nothing unasked after the checkpoint to a replica that is not live", async () => {
    const { deps } = await openSyncFixture();
    const replica = await TestReplica.connected(deps, "r1", { live: false });
    const other = await TestReplica.connected(deps, "r2");
    await other.push([upsert("a", "1")]);
    replica.end();
    expect(await replica.next()).toBeUndefined();
  });

  it("gives signs of life while nothing else is sent", async () => {
    const { deps, clock } = await openSyncFixture();
    const replica = await TestReplica.connected(deps, "r1", { heartbeatInterval: { seconds: 2, nanos: 0 } });
    const beat = replica.expect("control");
    clock.advance(2000);
    expect(await beat).toMatchObject({ kind: { $case: "heartbeat", value: { interval: { seconds: 2 } } } });
  });

  it("leaves nothing behind when the stream is aborted while it waits", async () => {
    const { deps, clock } = await openSyncFixture();
    const replica = await TestReplica.connected(deps, "r1", { heartbeatInterval: { seconds: 2, nanos: 0 } });
    const waiting = replica.next();
    await Promise.resolve();
    replica.abort(new Error("gone"));
    await expect(waiting).rejects.toThrow("gone");
    expect(clock.timers).toBe(0);
  });
});
