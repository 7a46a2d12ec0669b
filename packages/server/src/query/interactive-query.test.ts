import { setImmediate as turn } from "node:timers/promises";

import { describe, expect, it } from "@jest/globals";
import { durationOfMs, QueryFormat, StatusCode } from "@millrace/shared-types";

import { openQueries } from "./open-queries.js";
import { openQueriesFixture, openTestSession } from "./query-fixture.test.support.js";

const TYPED = { format: QueryFormat.TYPED };

/** Lets everything that can go on do so. */
async function settle(): Promise<void> {
  for (let n = 0; n < 20; n++) await turn();
}

describe("a client that knows the seed's messages only", () => {
  it("gets a row as a JSON object in each message, then `complete`, and so for each query in order", async () => {
    const { deps } = openQueriesFixture();
    const session = openTestSession(deps);
    session.say({ query: "rows 3" });
    session.say({ query: "rows 0" });
    session.say({ query: "rows 1" });
    expect(await session.answer()).toEqual(['{"n":1}', '{"n":2}', '{"n":3}', "complete"]);
    expect(await session.answer()).toEqual(["complete"]);
    expect(await session.answer()).toEqual(['{"n":1}', "complete"]);
    session.end();
    expect(await session.next()).toBeUndefined();
  });

  it("gets one message for a query that fails, and nothing of it after that (S14)", async () => {
    const { deps } = openQueriesFixture();
    const session = openTestSession(deps);
    session.say({ query: "fail INVALID_QUERY" });
    session.say({ query: "" });
    session.say({ query: "rows 1" });
    session.end();
    expect(await session.rest()).toEqual([
      `error ${String(StatusCode.INVALID_ARGUMENT)}: as it was told; complete`,
      `error ${String(StatusCode.INVALID_ARGUMENT)}: query: must be set, if neither cancel nor credit is; complete`,
      '{"n":1}',
      "complete",
    ]);
  });

  it("is told nothing of what nobody foresaw but an id", async () => {
    const { deps } = openQueriesFixture();
    const session = openTestSession(deps);
    session.say({ query: "break" });
    expect(await session.answer()).toEqual([`error ${String(StatusCode.INTERNAL)}: internal error; complete`]);
  });

  it("can cancel the query that runs; those that wait run then", async () => {
    const { deps, engine } = openQueriesFixture();
    const session = openTestSession(deps);
    session.say({ query: "wait" });
    session.say({ query: "rows 1" });
    const answer = session.answer();
    await engine.waiting.promise;
    session.say({ cancel: {} });
    expect(await answer).toEqual([`error ${String(StatusCode.CANCELLED)}: the query was cancelled; complete`]);
    expect(await session.answer()).toEqual(['{"n":1}', "complete"]);
    session.say({ cancel: {} }); // of nothing
    session.say({ query: "rows 0" });
    expect(await session.answer()).toEqual(["complete"]);
  });

  it("holds one stream, of which nothing is left when it goes", async () => {
    const { deps, engine, clock } = openQueriesFixture();
    const session = openTestSession(deps);
    session.say({ query: "wait" });
    session.say({ query: "rows 1" });
    const answer = session.answer();
    await engine.waiting.promise;
    session.call.abort(new Error("gone"));
    await expect(answer).rejects.toThrow("gone");
    await settle();
    expect([...engine.opened]).toEqual([]);
    expect(deps.running.ofCaller("ann")).toEqual([]);
    expect(clock.timers).toBe(0);
  });
});

describe("queries with tags", () => {
  it("run at the same time, each with its tag in each message", async () => {
    const { deps, engine } = openQueriesFixture();
    const session = openTestSession(deps);
    session.say({ query: "wait", queryId: "slow", options: TYPED });
    session.say({ query: "rows 2", queryId: "fast", options: TYPED });
    expect(await session.next()).toMatchObject({ queryId: "slow", schema: {} });
    expect(await session.answer()).toEqual([
      "[fast] schema n",
      "[fast] rows 1,2".replace(",", " "),
      "[fast] 2 rows; complete",
    ]);
    engine.release.open();
    expect(await session.answer()).toEqual(["[slow] rows 1", "[slow] 1 rows; complete"]);
  });

  it("are cancelled one by one, and end with that", async () => {
    const { deps, engine } = openQueriesFixture();
    const session = openTestSession(deps);
    session.say({ query: "wait", queryId: "a" });
    const answer = session.answer();
    await engine.waiting.promise;
    session.say({ query: "rows 1", queryId: "b" });
    session.say({ cancel: { queryId: "nobody" } });
    expect(await answer).toEqual(['[b] {"n":1}', "[b] complete"]);
    session.say({ cancel: { queryId: "a" } });
    expect(await session.answer()).toEqual([`[a] error 1: the query was cancelled; complete`]);
    expect([...engine.opened]).toEqual([]);
  });

  it("are at most as many as are allowed, and no two have the same tag", async () => {
    const { deps, engine } = openQueriesFixture({ maxConcurrentQueries: 2 });
    const session = openTestSession(deps);
    session.say({ query: "wait", queryId: "a" });
    session.say({ query: "wait", queryId: "a" });
    expect(await session.answer()).toEqual(['[a] error 6: query "a" runs already; complete']);
    session.say({ query: "wait", queryId: "b" });
    session.say({ query: "rows 1", queryId: "c" });
    expect(await session.answer()).toEqual(["[c] error 8: only 2 queries run at the same time on a stream; complete"]);
    engine.release.open();
    session.end();
    expect((await session.rest()).toSorted()).toEqual(["[a] complete", '[a] {"n":1}', "[b] complete", '[b] {"n":1}']);
  });

  it("finish after a half-close", async () => {
    const { deps, engine } = openQueriesFixture();
    const session = openTestSession(deps);
    session.say({ query: "wait", queryId: "a" });
    session.say({ query: "wait" });
    session.say({ query: "rows 1" });
    session.end();
    const rest = session.rest();
    await engine.waiting.promise;
    engine.release.open();
    expect([...(await rest)].toSorted()).toEqual(
      ["[a] complete", '[a] {"n":1}', "complete", "complete", '{"n":1}', '{"n":1}'].toSorted(),
    );
  });
});

describe("a result", () => {
  it("stops where its credit ends, and goes on with more: of rows, or of bytes", async () => {
    const { deps, engine } = openQueriesFixture();
    const session = openTestSession(deps);
    session.say({ query: "rows 7", queryId: "r", options: { ...TYPED, initialCreditRows: 2 } });
    expect([await next(), await next(), await next()]).toEqual(["schema", "rows 2", "suspended"]);
    session.say({ credit: { queryId: "r", rows: 4 } });
    expect([await next(), await next()]).toEqual(["rows 4", "suspended"]);
    session.say({ credit: { queryId: "r", bytes: 100 } }); // it needs rows
    session.say({ credit: { queryId: "r", rows: 100 } });
    expect([await next(), await next()]).toEqual(["rows 1", "complete"]);

    session.say({ query: "rows 9", queryId: "b", options: { ...TYPED, batchRows: 3, initialCreditBytes: 40 } });
    expect([await next(), await next(), await next(), await next()]).toEqual([
      "schema",
      "rows 3",
      "rows 3",
      "suspended",
    ]);
    session.say({ credit: { queryId: "b", bytes: 1 } });
    expect([await next(), await next()]).toEqual(["rows 3", "complete"]);
    session.say({ credit: { queryId: "b", bytes: 1 } }); // of nothing
    expect([...engine.opened]).toEqual([]);

    async function next(): Promise<string> {
      const response = await session.next();
      if (response?.rows !== undefined) return `rows ${String(response.rows.rows.length)}`;
      return response?.schema ? "schema" : response?.suspended ? "suspended" : "complete";
    }
  });

  it("is made as it is read: one batch is made ahead", async () => {
    const { deps, engine } = openQueriesFixture();
    const session = openTestSession(deps);
    session.say({ query: "rows 100000", queryId: "a", options: { ...TYPED, batchRows: 10 } });
    await session.next(); // the columns
    await settle();
    expect(engine.reads).toBe(1);
    await session.next();
    await settle();
    expect(engine.reads).toBe(2);
  });

  it("that is made to its end holds nothing while the end is not read", async () => {
    const { deps, engine } = openQueriesFixture();
    const session = openTestSession(deps);
    session.say({ query: "rows 1", queryId: "a" });
    await session.next();
    await settle();
    expect([...engine.opened]).toEqual([]);
    expect(await session.answer()).toEqual(["[a] complete"]);
  });

  it("ends at its limit, and says that there is more", async () => {
    const { deps } = openQueriesFixture({ maxQueryRows: 5 });
    const session = openTestSession(deps);
    session.say({ query: "rows 9", queryId: "a", options: { ...TYPED, maxRows: 3 } });
    expect(await session.answer()).toEqual(["[a] schema n", "[a] rows 1 2 3", "[a] 3 rows, and more; complete"]);
    session.say({ query: "rows 9", queryId: "b", options: { ...TYPED, maxRows: 900 } });
    expect((await session.answer()).at(-1)).toBe("[b] 5 rows, and more; complete");
    session.say({ query: "rows 5", queryId: "c", options: TYPED });
    expect((await session.answer()).at(-1)).toBe("[c] 5 rows; complete");
  });

  it("ends at its time, also while it waits for credit", async () => {
    const { deps, engine, clock } = openQueriesFixture({ maxQueryMs: 1000 });
    const session = openTestSession(deps);
    session.say({ query: "wait", queryId: "a", options: { timeout: durationOfMs(999_000) } });
    let answer = session.answer();
    await engine.waiting.promise;
    clock.advance(1000);
    expect(await answer).toEqual(["[a] error 4: the query was not done within 1000 ms; complete"]);
    session.say({ query: "rows 5", queryId: "b", options: { timeout: durationOfMs(500), initialCreditRows: 2 } });
    answer = session.answer();
    await settle();
    clock.advance(500);
    expect(await answer).toEqual([
      '[b] {"n":1}',
      '[b] {"n":2}',
      "[b] suspended",
      "[b] error 4: the query was not done within 500 ms; complete",
    ]);
    expect(clock.timers).toBe(0);
  });

  it("comes with how far it is, if that is asked for", async () => {
    const { deps, engine, clock } = openQueriesFixture();
    const session = openTestSession(deps);
    session.say({ query: "wait", queryId: "a", options: { ...TYPED, progressInterval: durationOfMs(200) } });
    expect(await session.next()).toMatchObject({ schema: {} });
    for (let n = 1; n <= 2; n++) {
      const next = session.next();
      await settle();
      clock.advance(200);
      expect(await next).toMatchObject({ queryId: "a", progress: { rowsSent: 0, elapsed: durationOfMs(200 * n) } });
    }
    engine.release.open();
    expect(await session.answer()).toEqual(["[a] rows 1", "[a] 1 rows; complete"]);
    expect(clock.timers).toBe(0);
  });

  it("can be described without being run", async () => {
    const { deps, engine } = openQueriesFixture();
    const session = openTestSession(deps);
    session.say({ query: "rows 5", queryId: "a", options: { describeOnly: true } });
    expect(await session.answer()).toEqual(["[a] schema n", "[a] complete"]);
    expect(engine.reads).toBe(0);
  });

  it("has each type in each form", async () => {
    const { deps } = openQueriesFixture();
    const session = openTestSession(deps);
    session.say({ query: "columns", options: {} });
    const json = '"say \\"hi\\"","x":"Af8=","t":"2026-11-20T12:30:00.123Z","j":{"a": 12345678901234567890},"n":null}';
    expect(await session.answer()).toEqual([
      `{"b":true,"i":"9223372036854775807","d":"Infinity","s":${json}`,
      "complete",
    ]);
    session.say({ query: "columns", options: { format: QueryFormat.JSON_ROWS } });
    expect((await session.answer())[1]).toBe(
      'json [true,"9223372036854775807","Infinity","say \\"hi\\"","Af8=","2026-11-20T12:30:00.123Z",{"a": 12345678901234567890},null]',
    );
    session.say({ query: "columns", options: TYPED });
    await session.next();
    const values = (await session.next())?.rows?.rows[0]?.values.map(({ kind }) => kind?.$case);
    expect(values).toEqual([
      "boolValue",
      "intValue",
      "doubleValue",
      "stringValue",
      "bytesValue",
      "timestampValue",
      "jsonValue",
      undefined,
    ]);
  });
});

describe("a request", () => {
  it.each([
    [{ query: "rows 1", cancel: {} }, "query: must be set, or cancel, or credit: one of them"],
    [{ cancel: {}, credit: {} }, "query: must be set, or cancel, or credit: one of them"],
    [{ credit: { rows: -1 } }, "credit: must not be negative"],
    [{ query: "rows 1", options: { maxRows: -1 } }, "options.max_rows: must not be negative"],
    [{ query: "rows 1", options: { batchRows: -1 } }, "options.batch_rows: must not be negative"],
    [{ query: "rows 1", options: { timeout: { seconds: -1, nanos: 0 } } }, "options.timeout: must not be negative"],
    [{ query: "rows 1", options: { format: 9 as never } }, "options.format: is 9, which is none"],
    [
      {
        query: "rows 1",
        parameters: [{}, { kind: { $case: "timestampValue" as const, value: { seconds: 0, nanos: -1 } } }],
      },
      "parameters[1]: nanos outside of one second: -1",
    ],
    [{ query: "x".repeat(101) }, "query: max_query_bytes is 100, not 101"],
    [{ query: "rows 1", queryId: "x".repeat(256) }, "query_id: max_query_id_bytes is 255, not 256"],
  ])("that is wrong is answered, and the stream goes on: %j", async (request, message) => {
    const { deps } = openQueriesFixture({ maxQueryBytes: 100 });
    const session = openTestSession(deps);
    session.say(request);
    const tag = "queryId" in request ? `[${request.queryId}] ` : "";
    expect(await session.answer()).toEqual([`${tag}error 3: ${message}; complete`]);
    session.say({ query: "rows 0" });
    expect(await session.answer()).toEqual(["complete"]);
  });

  it("runs for its caller: whose files and rooms count", async () => {
    const { deps, engine, clock } = openQueriesFixture();
    const session = openTestSession(deps);
    session.say({ query: "rows 0", parameters: [{ kind: { $case: "boolValue", value: true } }] });
    await session.answer();
    const scope = { callerId: "ann", mayChat: true, nowMs: clock.now() };
    expect(engine.statements).toEqual([{ sql: "rows 0", parameters: [1n], scope }]);
    expect(engine.prewarmed).toBe(1);
  });

  it("is refused where there is no engine", async () => {
    const deps = openQueries({ openQueryEngine: undefined, allowAnonymous: true });
    const session = openTestSession(deps);
    session.say({ query: "rows 1" });
    await expect(session.answer()).rejects.toMatchObject({ reason: "FEATURE_DISABLED" });
  });

  it("without a tag waits for at most 16 others: then no more is read, until there is room", async () => {
    const { deps } = openQueriesFixture();
    const session = openTestSession(deps);
    for (let n = 0; n < 50; n++) session.say({ query: "rows 1" });
    session.end();
    expect((await session.rest()).length).toBe(100);
  });
});
