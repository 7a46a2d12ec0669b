import { existsSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";
import { createClient, type Replica, type StreamingClient } from "@millrace/client-sdk";
import { eventually, within } from "@millrace/client-sdk/testing";
import { createStreamingServer, type MergeFunction } from "@millrace/server";

import { type ServerProcess, startServerProcess } from "./support/server-process.js";
import { makeTempDir } from "./support/temp-dir.js";

const KILLS = 3;
const WRITERS = 3;
const WRITES = 120;

/** A server process on a data directory of its own, to be killed and started again, and clients of it. */
async function openStage() {
  const dir = await makeTempDir();
  await using opening = new AsyncDisposableStack();
  opening.use(dir);
  let server: ServerProcess = await startServerProcess({ dataDir: join(dir.path, "data") });
  const { port, target } = server;
  const stack = opening.move();
  stack.defer(() => server[Symbol.asyncDispose]());
  return {
    path: (name: string) => join(dir.path, name),
    client: (): StreamingClient => stack.use(createClient({ target, resume: { backoff: { maxMs: 100 } } })),
    async kill() {
      await server.kill();
      server = await startServerProcess({ dataDir: join(dir.path, "data"), port });
    },
    /** SIGTERM, and another process on the same port and data. */
    async restart() {
      await server.terminate();
      server = await startServerProcess({ dataDir: join(dir.path, "data"), port });
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function documentsOf(replica: Replica, collection = "notes"): string[] {
  return [...replica.collection(collection).query()].map(({ id, text }) => `${id}=${text()}`);
}

describe("synchronized documents over processes", () => {
  it("are kept in a file while there is no server, and are on it and everywhere once there is", async () => {
    await using stage = await openStage();
    await stage.client().sync.collections.create("notes");
    const offline = createClient({ target: "127.0.0.1:1" });
    const before = await offline.sync.open({ collections: ["notes"], path: stage.path("one.db") });
    await before.collection("notes").put("a", { written: "offline" });
    expect(before.status).toMatchObject({ pendingChanges: 1 });
    await before.close();
    await offline.close();

    const one = await stage.client().sync.open({ collections: ["notes"], path: stage.path("one.db") });
    const two = await stage.client().sync.open({ collections: ["notes"], path: stage.path("two.db") });
    await within(one.synced(), "the first replica");
    await within(two.synced(), "the second replica");
    expect(documentsOf(two)).toEqual(['a={"written":"offline"}']);
    await two.collection("notes").delete("a");
    await within(two.synced(), "the deletion");
    await eventually(() => expect(documentsOf(one)).toEqual([]));
    await Promise.all([one.close(), two.close()]);
  }, 60_000);

  it("are lost and doubled by no kill and no drain of the server, whoever writes them", async () => {
    await using stage = await openStage();
    await stage.client().sync.collections.create("notes", { policy: "keep-siblings" });
    const replicas = await Promise.all(
      Array.from({ length: WRITERS }, () => stage.client().sync.open({ collections: ["notes"] })),
    );
    const written: string[] = [];
    const write = async (replica: Replica, writer: number): Promise<void> => {
      for (let n = 0; n < WRITES; n += 1) {
        const id = `w${String(writer)}-${String(n).padStart(4, "0")}`;
        await replica.collection("notes").put(id, n);
        written.push(`${id}=${String(n)}`);
        // Everybody writes this one, and nobody sees the others' versions before the end.
        await replica.collection("notes").put(`shared-${String(n % 5)}-${String(writer)}`, n);
        if (n % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 15));
      }
    };
    const writing = Promise.all(replicas.map(write));
    for (let kill = 0; kill < KILLS; kill += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      await (kill % 2 === 0 ? stage.kill() : stage.restart());
    }
    await writing;
    for (let round = 0; round < 2; round += 1) {
      await within(Promise.all(replicas.map((replica) => replica.synced())), "all replicas", 30_000);
    }
    const [first, ...others] = replicas.map((replica) => documentsOf(replica));
    for (const other of others) expect(other).toEqual(first);
    expect(first?.filter((line) => line.startsWith("w"))).toEqual(written.toSorted());
    for (const replica of replicas) {
      const siblings = [...replica.collection("notes").query()].filter((document) => document.siblings.length > 0);
      expect(siblings).toEqual([]); // a change that came twice would stand beside itself
      await replica.close();
    }
  }, 90_000);

  it("end the session of a replica that is opened twice, and that one goes on by itself", async () => {
    await using stage = await openStage();
    await stage.client().sync.collections.create("notes");
    const { MemoryReplicaStore } = await import("@millrace/client-sdk");
    const store = new MemoryReplicaStore();
    await using first = await stage.client().sync.open({ collections: ["notes"], store });
    await first.collection("notes").put("a", 1);
    await within(first.synced(), "the first");
    await using second = await stage.client().sync.open({ collections: ["notes"], store });
    await within(second.synced(), "the second");
    await eventually(() => expect(first.status.state).toBe("failed"));
    expect(first.status.error).toMatchObject({ reason: "CONSUMER_REPLACED" });
    expect(second.replicaId).toBe(first.replicaId);
  }, 60_000);

  it.each(["while it is open", "while it is closed"])(
    "lose nothing that is written in a replica's file and in a copy of it, made %s, in turn",
    async (when) => {
      await using stage = await openStage();
      const { sync } = stage.client();
      await sync.collections.create("notes");
      const use = (name: string) => sync.open({ collections: ["notes"], path: stage.path(name) });
      const write = async (name: string, ...ids: readonly string[]): Promise<string> => {
        await using replica = await use(name);
        for (const id of ids) await replica.collection("notes").put(id, name);
        await within(replica.synced(), `${ids.join()} in ${name}`);
        return replica.replicaId;
      };
      const original = await use("original.db");
      await original.collection("notes").put("a", "original.db");
      await within(original.synced(), "the original");
      if (when === "while it is closed") await original.close();
      for (const suffix of ["", "-wal"]) {
        const from = stage.path(`original.db${suffix}`);
        if (existsSync(from)) await copyFile(from, stage.path(`copy.db${suffix}`));
      }
      await original.close();

      const ids = [await write("original.db", "b"), await write("copy.db", "c")];
      ids.push(await write("original.db", "d", "e"), await write("copy.db", "f", "g"));
      expect(new Set(ids).size).toBe(2);
      await using third = await sync.open({ collections: ["notes"] });
      await within(third.synced(), "a third replica");
      expect(documentsOf(third).map((document) => document.slice(0, 1))).toEqual(["a", "b", "c", "d", "e", "f", "g"]);
    },
    60_000,
  );

  it("lose nothing that is written after a replica's file was put back to an earlier state", async () => {
    await using stage = await openStage();
    const { sync } = stage.client();
    await sync.collections.create("notes");
    const path = stage.path("one.db");
    const open = () => sync.open({ collections: ["notes"], path });
    for (const id of ["kept", "a"]) {
      await using replica = await open();
      await replica.collection("notes").put(id, 1);
      await within(replica.synced(), id);
      await replica.close();
      if (id === "kept") await copyFile(path, stage.path("backup.db"));
    }
    await copyFile(stage.path("backup.db"), path);
    await using offline = createClient({ target: "127.0.0.1:1" });
    const before = await offline.sync.open({ collections: ["notes"], path });
    for (const id of ["b", "c"]) await before.collection("notes").put(id, 2);
    await before.close();
    await using replica = await open();
    await within(replica.synced(), "what was written after it");
    await using other = await sync.open({ collections: ["notes"] });
    await within(other.synced(), "another replica");
    expect(documentsOf(other)).toEqual(["a=1", "b=2", "c=2", "kept=1"]);
  }, 60_000);
});

describe("a replica of a server in this process", () => {
  async function openServer(mergeFunctions: Readonly<Record<string, MergeFunction>> = {}) {
    const server = await createStreamingServer({ port: 0, mergeFunctions });
    const client = createClient({ target: server.address });
    return {
      client,
      async [Symbol.asyncDispose]() {
        await client.close();
        await server.close();
      },
    };
  }

  it("never shows half of what was written together elsewhere", async () => {
    await using stage = await openServer();
    const { sync } = stage.client;
    await sync.collections.create("left");
    await sync.collections.create("right");
    await using writer = await sync.open({ collections: ["left", "right"] });
    await using reader = await sync.open({ collections: ["left", "right"] });
    const seen: unknown[][] = [];
    const watching = (async () => {
      for await (const _ of reader.collection("right").changes()) {
        seen.push(["left", "right"].map((name) => reader.collection(name).get("a")?.json()));
        if (seen.at(-1)?.[1] === 100) return;
      }
    })();
    for (let n = 1; n <= 100; n += 1) {
      await writer.write(["left", "right"].map((collection) => ({ collection, id: "a", put: n })));
      if (n % 10 === 0) await writer.synced();
    }
    await within(watching, "the last of them", 20_000);
    expect(seen.filter(([left, right]) => left !== right)).toEqual([]);
    expect(seen.length).toBeGreaterThan(1);
  }, 60_000);

  it("follows only what its filter matches", async () => {
    await using stage = await openServer();
    const { sync } = stage.client;
    await sync.collections.create("notes");
    await using writer = await sync.open({ collections: ["notes"] });
    await using reader = await sync.open({ collections: [{ name: "notes", filter: 'data.owner == "me"' }] });
    await writer.collection("notes").put("a", { owner: "me" });
    await writer.collection("notes").put("b", { owner: "you" });
    await eventually(() => expect(documentsOf(reader)).toEqual(['a={"owner":"me"}']));
    await writer.collection("notes").put("a", { owner: "you" });
    await eventually(() => expect(documentsOf(reader)).toEqual([]));
  }, 60_000);

  it("has its concurrent changes merged by the function of the server", async () => {
    await using stage = await openServer({
      counters: ({ current, incoming }) => {
        const numberOf = (version: typeof current): number => Number(Buffer.from(version?.content ?? "0").toString());
        const content = Buffer.from(String(Math.max(numberOf(current), numberOf(incoming))));
        return { content, contentType: "application/json" };
      },
    });
    const { sync } = stage.client;
    await sync.collections.create("counters", { policy: "merge-function" });
    await expect(sync.collections.create("others", { policy: "merge-function" })).rejects.toMatchObject({
      kind: "invalid-argument",
    });
    await using one = await sync.open({ collections: ["counters"] });
    await using two = await sync.open({ collections: ["counters"] });
    await Promise.all([one.collection("counters").put("a", 7), two.collection("counters").put("a", 3)]);
    for (let round = 0; round < 2; round += 1) await within(Promise.all([one.synced(), two.synced()]), "both");
    expect([documentsOf(one, "counters"), documentsOf(two, "counters")]).toEqual([["a=7"], ["a=7"]]);
  }, 60_000);

  it("keeps siblings, which are listed and resolved at the server, too", async () => {
    await using stage = await openServer();
    const { sync } = stage.client;
    expect(await sync.collections.create("notes", { policy: "keep-siblings", tombstoneRetentionMs: 60_000 })).toEqual({
      name: "notes",
      policy: "keep-siblings",
      tombstoneRetentionMs: 60_000,
      documentCount: 0,
    });
    await using one = await sync.open({ collections: ["notes"] });
    await using two = await sync.open({ collections: ["notes"] });
    for (let round = 0; round < 2; round += 1) await within(Promise.all([one.synced(), two.synced()]), "both");
    await Promise.all([one.collection("notes").put("a", "one"), two.collection("notes").put("a", "two")]);
    for (let round = 0; round < 2; round += 1) await within(Promise.all([one.synced(), two.synced()]), "both");
    const ids: string[] = [];
    for await (const id of sync.conflicts("notes", { pageSize: 1 })) ids.push(id);
    expect(ids).toEqual(["a"]);
    const document = await sync.getDocument("notes", "a");
    expect(document.siblings).toHaveLength(1);
    expect(await sync.resolve(document, { put: "both" })).toBe(true);
    await eventually(() => expect(documentsOf(one)).toEqual(['a="both"']));
    expect(one.collection("notes").get("a")?.siblings).toEqual([]);
    const names: string[] = [];
    for await (const { name } of sync.collections.list()) names.push(name);
    expect(names).toEqual(["notes"]);
    await expect(sync.getDocument("notes", "x")).rejects.toMatchObject({ kind: "not-found" });
  }, 60_000);
});
