import { setImmediate as turn } from "node:timers/promises";

import { describe, expect, it } from "@jest/globals";
import { ServiceError } from "@millrace/shared-types";

import { StreamingError } from "../errors.js";
import { eventually } from "../testing/eventually.js";
import { openQueries } from "./fake-query-server.test.support.js";
import type { QueryResult } from "./types.js";

async function failureOf(work: PromiseLike<unknown>): Promise<StreamingError> {
  try {
    await work;
  } catch (error) {
    if (StreamingError.is(error)) return error;
    throw error;
  }
  throw new Error("it succeeded");
}

/** Reads rows one by one. */
function readerOf(result: QueryResult): AsyncIterator<unknown, undefined> {
  return result[Symbol.asyncIterator]() as AsyncIterator<unknown, undefined>;
}

async function settle(): Promise<void> {
  for (let n = 0; n < 50; n++) await turn();
}

describe("a session", () => {
  it("runs queries at the same time over one stream, and keeps their rows apart", async () => {
    await using opened = openQueries();
    await using session = opened.query.session();
    const sizes = [25, 0, 1, 100];
    const results = sizes.map((size) => session.query(`rows ${String(size)}`));
    const all = await Promise.all(results);
    expect(all.map((rows) => rows.length)).toEqual(sizes);
    for (const rows of all) expect(rows.map(({ n }) => n)).toEqual(rows.map((_, index) => index + 1));
    expect(opened.faults.started).toBe(1);
    expect(await results[0]?.stats).toEqual({ rowCount: 25, byteCount: 2500, elapsedMs: 12, rowLimitReached: false });
    expect(await results[1]?.columns).toEqual([{ name: "n", type: "int" }]);
  });

  it("holds as many rows of a query as fit, while its reader takes none, and lets the others go on", async () => {
    await using opened = openQueries();
    await using session = opened.query.session({ maxBufferedBytes: 2000 });
    const paused = readerOf(session.query("rows 1000"));
    expect((await paused.next()).value).toEqual({ n: 1 });
    await settle();
    expect(opened.server.made).toBe(30); // 20 fill it, 10 were made when it was full
    expect((await session.query("rows 500")).length).toBe(500);
    expect(opened.server.made).toBe(530);
    let last: unknown;
    let count = 1;
    for (let next = await paused.next(); next.done !== true; next = await paused.next())
      [last, count] = [next.value, count + 1];
    expect({ last, count }).toEqual({ last: { n: 1000 }, count: 1000 });
  });

  it("stops a query whose loop is left, and goes on with the others", async () => {
    await using opened = openQueries();
    await using session = opened.query.session({ maxBufferedBytes: 500 });
    const result = session.query("rows 1000");
    for await (const row of result) if (row["n"] === 3) break;
    expect(await opened.server.onCancel.promise).toBe("q1");
    expect((await failureOf(result.stats)).kind).toBe("cancelled");
    expect((await session.query("rows 3")).length).toBe(3);
  });

  it("stops a query that is cancelled before anything came, silently", async () => {
    await using opened = openQueries();
    await using session = opened.query.session();
    const result = session.query("wait");
    await opened.server.onWait.promise;
    const rows = readerOf(result);
    const next = rows.next();
    result.cancel();
    expect((await next).done).toBe(true);
    expect(await opened.server.onCancel.promise).toBe("q1");
  });

  it("stops a query when its signal aborts, with the signal's reason as the cause", async () => {
    await using opened = openQueries();
    await using session = opened.query.session();
    const stop = new AbortController();
    const result = session.query("wait", { signal: stop.signal });
    await opened.server.onWait.promise;
    const failure = failureOf(result);
    stop.abort("enough");
    expect(await failure).toMatchObject({ kind: "cancelled", name: "AbortError", cause: "enough" });
    expect((await failureOf(session.query("rows 1", { signal: stop.signal }))).kind).toBe("cancelled");
    expect((await session.query("rows 3")).length).toBe(3);
  });

  it("fails a query as the server says, and goes on", async () => {
    await using opened = openQueries();
    await using session = opened.query.session();
    const failure = await failureOf(session.query("fail QUERY_NOT_READ_ONLY"));
    expect(failure).toMatchObject({ kind: "permission-denied", reason: "QUERY_NOT_READ_ONLY", origin: "server" });
    expect((await session.query("rows 3")).length).toBe(3);
  });

  it("tries again what the server had no room for", async () => {
    await using opened = openQueries();
    opened.server.refusal = (attempt) => (attempt < 3 ? new ServiceError("RATE_LIMITED", "later") : undefined);
    await using session = opened.query.session();
    expect((await session.query("rows 3")).length).toBe(3);
    expect(opened.server.requests.length).toBe(3);
  });

  it("begins a query anew when the connection is lost before its first row was handed out", async () => {
    await using opened = openQueries(({ index }) => (index < 2 ? { cutAfter: { messages: 2 } } : undefined));
    await using session = opened.query.session();
    expect((await session.query("rows 30")).length).toBe(30);
    expect(opened.faults.started).toBe(3);
  });

  it("fails a query, retryably, when the connection is lost in the middle of its rows", async () => {
    await using opened = openQueries();
    await using session = opened.query.session({ maxBufferedBytes: 1000 });
    const rows = readerOf(session.query("rows 1000"));
    const waiting = session.query("wait");
    const waited = readerOf(waiting).next();
    await rows.next();
    await opened.server.onWait.promise;
    opened.faults.cut();
    const rest = (async () => {
      while ((await rows.next()).done !== true);
    })();
    expect(await failureOf(rest)).toMatchObject({ kind: "unavailable", retryable: true, origin: "transport" });
    expect((await session.query("rows 3")).length).toBe(3);
    // Of this one nothing was handed out.
    await eventually(() => expect(opened.server.requests.filter(({ query }) => query === "wait").length).toBe(2));
    waiting.cancel();
    expect((await waited).done).toBe(true);
  });

  it("with `resume: false` fails with the first failure", async () => {
    await using opened = openQueries({ refuse: true });
    await using session = opened.query.session({ resume: false });
    expect((await failureOf(session.query("rows 3"))).kind).toBe("unavailable");
    expect(opened.faults.started).toBe(1);
  });

  it("stops what runs when it is closed, and takes nothing more", async () => {
    await using opened = openQueries();
    const session = opened.query.session();
    const failure = failureOf(session.query("wait"));
    await opened.server.onWait.promise;
    await session[Symbol.asyncDispose]();
    expect(await failure).toMatchObject({ kind: "cancelled", message: "the session was closed" });
    expect(() => session.query("rows 1")).toThrow("the session was closed");
    await eventually(() => expect(opened.transport.liveCalls).toBe(0));
  });

  it("refuses options that are none", async () => {
    await using opened = openQueries();
    expect(() => opened.query.session({ maxBufferedBytes: 0.5 })).toThrow(RangeError);
    await using session = opened.query.session();
    expect(() => session.query("rows 1", { param: [] } as never)).toThrow("did you mean params?");
    expect(() => session.query("rows 1", { params: [Symbol("x")] as never })).toThrow("params[0] is no value");
    expect(() => session.query("rows 1", { params: [2n ** 63n] })).toThrow("params[0] has more than 64 bits");
  });
});

describe("a result", () => {
  it("has each type as what it is", async () => {
    await using opened = openQueries();
    const result = opened.query.execute("values");
    expect(await result).toEqual([
      {
        __proto__x: true,
        small: 9007199254740991,
        large: -(2n ** 63n),
        real: 0.5,
        text: "t",
        bytes: Uint8Array.of(1, 2),
        time: new Date(5),
        json: { a: [1] },
        nothing: null,
      },
    ]);
    expect((await result.columns).map(({ type }) => type)).toEqual([
      "bool",
      "int",
      "int",
      "double",
      "string",
      "bytes",
      "timestamp",
      "json",
      "any",
    ]);
  });

  it("gets parameters as what they are", async () => {
    await using opened = openQueries();
    const params = [null, true, 5, 2n ** 62n, 0.5, -0, "x", Uint8Array.of(1), new Date(5)];
    const rows = await opened.query.execute("echo", { params });
    expect(rows.map(({ n }) => n)).toEqual(params);
    const kinds = opened.server.requests[0]?.parameters.map(({ kind }) => kind?.$case);
    expect(kinds?.slice(2, 6)).toEqual(["intValue", "intValue", "doubleValue", "doubleValue"]);
  });

  it("can be read once", async () => {
    await using opened = openQueries();
    const result = opened.query.execute("rows 1");
    await result;
    await expect(Promise.resolve(result)).rejects.toThrow("a result can be read once");
  });

  it("that is malformed fails, and is stopped", async () => {
    await using opened = openQueries();
    await using session = opened.query.session();
    expect(await failureOf(session.query("malformed"))).toMatchObject({ kind: "internal" });
    expect(await opened.server.onCancel.promise).toBe("q1");
  });

  it("fails with what `onProgress` throws, and is stopped", async () => {
    await using opened = openQueries();
    await using session = opened.query.session();
    const failing = session.query("wait", {
      onProgress() {
        throw new TypeError("mine");
      },
    });
    await expect(Promise.resolve(failing)).rejects.toThrow("mine");
    expect(await opened.server.onCancel.promise).toBe("q1");
  });

  it("tells how far it is", async () => {
    await using opened = openQueries();
    const told: unknown[] = [];
    await opened.query.execute("rows 1", { onProgress: (progress) => told.push(progress) });
    expect(told).toEqual([{ rowsSent: 0, elapsedMs: 7 }]);
  });
});

describe("client.query", () => {
  it("executes one query, and begins it anew before its first row", async () => {
    await using opened = openQueries(({ index }) => (index === 0 ? { cutAfter: { messages: 2 } } : undefined));
    expect((await opened.query.execute("rows 25")).length).toBe(25);
    expect(opened.faults.started).toBe(2);
    expect(await failureOf(opened.query.execute("fail INVALID_QUERY"))).toMatchObject({ reason: "INVALID_QUERY" });
  });

  it("describes a statement, lists tables and queries, and stops one", async () => {
    await using opened = openQueries();
    expect(await opened.query.describe("rows 5")).toEqual([{ name: "n", type: "int" }]);
    expect(opened.server.made).toBe(0);
    expect(await opened.query.tables()).toEqual([
      { name: "items", description: "Things.", columns: [{ name: "key", type: "string" }] },
    ]);
    expect(await opened.query.running()).toEqual([
      { runningId: "r1", sql: "SELECT 1", startedAt: new Date(0), rowsSent: 5, elapsedMs: 1500 },
    ]);
    expect(await opened.query.cancel("r1")).toBe(true);
    expect(await opened.query.cancel("r2")).toBe(false);
  });
});
