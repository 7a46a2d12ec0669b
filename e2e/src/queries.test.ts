import { setTimeout as sleep } from "node:timers/promises";

import { describe, expect, it } from "@jest/globals";
import { createClient, type QueryResult, type StreamingClient, type StreamingError } from "@millrace/client-sdk";
import { eventually, within } from "@millrace/client-sdk/testing";
import { createStreamingServer } from "@millrace/server";

import { queryProcessesOf } from "./support/query-processes.js";
import { openSeedQueryClient, type SeedQueryResponse } from "./support/seed-query-client.js";
import { startServerProcess } from "./support/server-process.js";
import { makeTempDir } from "./support/temp-dir.js";

const NUMBERS = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT $1) SELECT n FROM r";
const ENDLESS = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r";

/** A server process on data of its own. */
async function openStage(callers: "anonymous" | "identified" = "anonymous") {
  const dir = await makeTempDir();
  let server = await startServerProcess({ dataDir: dir.path, callers });
  const { port, target } = server;
  const clients: StreamingClient[] = [];
  return {
    target,
    /** The user's client. */
    as(user: string): StreamingClient {
      const client = createClient({
        target,
        defaults: { headers: { "x-user": user } },
        resume: { backoff: { maxMs: 100 } },
      });
      clients.push(client);
      return client;
    },
    processes: () => queryProcessesOf(server.pid),
    kill: () => server.kill(),
    async start() {
      server = await startServerProcess({ dataDir: dir.path, callers, port });
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) await client.close();
      await server[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

async function countOf(rows: QueryResult): Promise<number> {
  let count = 0;
  for await (const { n } of rows)
    if (n !== ++count) throw new Error(`row ${JSON.stringify(n)} comes as number ${String(count)}`);
  return count;
}

async function untilNoneRuns({ query }: StreamingClient): Promise<void> {
  while ((await query.running()).length > 0) await sleep(5);
}

describe("the published tables", () => {
  it("have what each domain stored, for those who may read it", async () => {
    await using stage = await openStage("identified");
    const [ann, bob] = [stage.as("ann"), stage.as("bob")];
    await ann.data.put({ key: "a", json: { n: 1 }, attributes: { color: "red" }, name: "first" });
    await ann.data.put({ key: "gone", json: 1 });
    await ann.data.delete("gone");
    await ann.data.datasets.create("dropped");
    await ann.data.put({ key: "x", json: 1 }, { dataset: "dropped" });
    await ann.data.datasets.delete("dropped");
    const items = "SELECT dataset, key, id, name, content_type, attributes, size, json FROM items";
    const item = { dataset: "default", key: "a", id: 1, name: "first", content_type: "application/json" };
    expect(await bob.query.execute(items)).toEqual([
      { ...item, attributes: { color: "red" }, size: 7, json: { n: 1 } },
    ]);

    const timestamp = new Date("2026-01-02T03:04:05.678Z");
    const event = { stream: "orders/7", type: "order.placed", key: "k", attributes: { a: "b" }, timestamp };
    await ann.events.publish([{ ...event, payload: Buffer.from([1, 2]) }]);
    const [published] = await bob.query.execute("SELECT * FROM events");
    expect(published).toMatchObject({
      ...without(event, "timestamp"),
      sequence: 1,
      revision: 1,
      time: timestamp,
      json: null,
    });
    expect(Buffer.from(published?.["payload"] as Uint8Array)).toEqual(Buffer.from([1, 2]));

    await ann.files.upload(Buffer.from("hello"), { filename: "hello.txt", metadata: { a: "b" } });
    const files = "SELECT filename, size, metadata, expires_at FROM files";
    expect(await ann.query.execute(files)).toEqual([
      { filename: "hello.txt", size: 5, metadata: { a: "b" }, expires_at: null },
    ]);
    expect(await bob.query.execute(files)).toEqual([]);
  }, 60_000);

  it("have samples of metrics, also for a process that is older than the first of them", async () => {
    await using stage = await openStage();
    const { query, metrics } = stage.as("");
    const sql = "SELECT name, labels, unit, time, value, weight FROM metrics ORDER BY value";
    expect(await query.execute(sql)).toEqual([]);
    expect(await query.execute("SELECT count(*) AS n FROM metrics")).toEqual([{ n: 0 }]);
    const time = new Date(Date.now() - 1000);
    const sample = { name: "latency", labels: { path: "/" }, unit: "ms" };
    await metrics.send([1.5, 2].map((value) => ({ ...sample, value, timestamp: time })));
    const row = { ...sample, time, weight: 1 };
    expect(await query.execute(sql)).toEqual([
      { ...row, value: 1.5 },
      { ...row, value: 2 },
    ]);
    expect(await query.execute("SELECT count(*) AS n FROM metrics")).toEqual([{ n: 2 }]);
  }, 60_000);

  it("show of the chat what its rooms show: members only, edits, nothing that was redacted", async () => {
    await using stage = await openStage("identified");
    const [ann, bob, eve] = [stage.as("ann"), stage.as("bob"), stage.as("eve")];
    await ann.chat.rooms.create({ room: "private", open: false, members: ["bob"] });
    const room = await ann.chat.join({ room: "private" });
    const first = await room.send("one");
    await room.edit(first.id, "uno");
    const second = await room.send("two");
    await room.edit(second.id, "due");
    await room.redact(second.id);
    await room.leave();
    await ann.chat.send("lobby", "open to all");
    const sql = "SELECT room, sequence, user_id, kind, content, redacted FROM chat_messages ORDER BY room, sequence";
    const row = { user_id: "ann", redacted: false };
    const lobby = { room: "lobby", sequence: 1, kind: "text", content: "open to all", ...row };
    const expected = [
      lobby,
      { room: "private", sequence: 1, ...row, kind: "text", content: "uno" },
      { room: "private", sequence: 2, ...row, kind: "edit", content: "uno" },
      { room: "private", sequence: 3, ...row, kind: "text", content: "", redacted: true },
      { room: "private", sequence: 4, ...row, kind: "edit", content: "", redacted: true },
      { room: "private", sequence: 5, ...row, kind: "redact", content: "" },
    ];
    expect(await ann.query.execute(sql)).toEqual(expected);
    expect(await bob.query.execute(sql)).toEqual(expected);
    expect(await eve.query.execute(sql)).toEqual([lobby]);
    expect(await eve.query.execute("SELECT count(*) AS n FROM events")).toEqual([{ n: 0 }]);
    await ann.chat.rooms.delete("private");
    expect(await ann.query.execute(sql)).toEqual([lobby]);
  }, 60_000);
});

describe("the seed's client", () => {
  it("reads each answer to its end in its own loop, also after an error (S14)", async () => {
    await using stage = await openStage();
    const seed = openSeedQueryClient(stage.target);
    const call = seed.interactiveQuery();
    const responses = call[Symbol.asyncIterator]() as AsyncIterator<SeedQueryResponse>;
    /** The loop of the seed's Go client. */
    const ask = async (query: string): Promise<readonly string[]> => {
      const printed: string[] = [];
      call.write({ query });
      for (let next = await responses.next(); next.done !== true; next = await responses.next()) {
        if (next.value.error !== "") return [...printed, `Error: ${next.value.error}`];
        if (next.value.complete) return printed;
        printed.push(next.value.data);
      }
      throw new Error("the stream ended");
    };
    expect(await ask("SELECT 1 AS a, 'x' AS b, NULL AS c")).toEqual(['{"a":1,"b":"x","c":null}']);
    expect(await ask("SELECT nowhere")).toEqual(["Error: no such column: nowhere"]);
    expect(await ask("SELECT 2 AS a")).toEqual(['{"a":2}']);
    expect(await ask("DROP TABLE items")).toEqual(["Error: only SELECT, WITH ... SELECT and VALUES can be run"]);
    expect(await ask("VALUES (1), (2)")).toEqual(['{"column1":1}', '{"column1":2}']);
    expect(await ask("")).toEqual([expect.stringMatching(/^Error: /)]);
    expect(await ask("SELECT abs(-9223372036854775807 - n) AS x FROM (VALUES (0), (1)) AS v(n)")).toEqual([
      expect.stringMatching(/^Error: /),
    ]);
    call.end();
    expect((await responses.next()).done).toBe(true);
    seed.close();
  }, 60_000);
});

describe("three queries on one stream", () => {
  it("do not touch each other: one paused by its reader, one cancelled, one read to its end", async () => {
    await using stage = await openStage();
    await using session = stage.as("").query.session({ maxBufferedBytes: 64 * 1024 });
    const paused = session.query(NUMBERS, { params: [60_000] });
    const rows = paused[Symbol.asyncIterator]();
    expect((await rows.next()).value).toEqual({ n: 1 });
    const cancelled = session.query(ENDLESS);
    await cancelled.columns;
    const third = session.query(NUMBERS, { params: [30_000] });
    const running = await stage.as("").query.running();
    expect(running.length).toBe(3);
    cancelled.cancel();
    expect(await countOf(third)).toBe(30_000);
    expect(await third.stats).toMatchObject({ rowCount: 30_000, rowLimitReached: false });
    let count = 1;
    for (let next = await rows.next(); next.done !== true; next = await rows.next()) {
      if (next.value["n"] !== ++count) throw new Error(`row ${JSON.stringify(next.value)} is number ${String(count)}`);
    }
    expect(count).toBe(60_000);
    await within(untilNoneRuns(stage.as("")), "the queries to be over");
  }, 60_000);
});

describe("a query", () => {
  it("is stopped from another connection", async () => {
    await using stage = await openStage("identified");
    const [ann, again, bob] = [stage.as("ann"), stage.as("ann"), stage.as("bob")];
    const failing = ann.query.execute(ENDLESS).then(
      () => "ended",
      (error: unknown) => (error as StreamingError).reason,
    );
    const first = await within(
      (async () => {
        for (;;) {
          const [query] = await again.query.running();
          if (query !== undefined) return query;
          await sleep(5);
        }
      })(),
      "the query to run",
    );
    expect(await bob.query.cancel(first.runningId)).toBe(false);
    expect(await again.query.cancel(first.runningId)).toBe(true);
    expect(await failing).toBe("QUERY_CANCELLED");
  }, 60_000);

  it("does not outlive its server, however that ends, and begins anew with the next one", async () => {
    await using stage = await openStage();
    const client = stage.as("");
    await using session = client.query.session();
    const rows = session.query(NUMBERS, { params: [500_000] })[Symbol.asyncIterator]();
    await rows.next();
    const endless = session.query(ENDLESS);
    await endless.columns;
    const pids = await stage.processes();
    expect(pids.length).toBeGreaterThanOrEqual(2);
    await stage.kill();
    await eventually(() => expect(pids.filter(isAlive)).toEqual([]));
    const rest = (async () => {
      while ((await rows.next()).done !== true);
    })();
    await expect(rest).rejects.toMatchObject({ kind: "unavailable", retryable: true });
    const waiting = session.query("SELECT 42 AS answer");
    await stage.start();
    expect(await within(Promise.resolve(waiting), "the answer")).toEqual([{ answer: 42 }]);
    endless.cancel();
  }, 60_000);

  it("is refused by a server that keeps everything in memory", async () => {
    await using server = await createStreamingServer({ port: 0 });
    await using client = createClient({ target: server.address });
    await expect(Promise.resolve(client.query.execute("SELECT 1"))).rejects.toMatchObject({
      kind: "failed-precondition",
      reason: "FEATURE_DISABLED",
    });
    await using session = client.query.session();
    await expect(Promise.resolve(session.query("SELECT 1"))).rejects.toMatchObject({ reason: "FEATURE_DISABLED" });
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function without<T extends object, K extends keyof T>(object: T, key: K): Omit<T, K> {
  const { [key]: _, ...rest } = object;
  return rest;
}
