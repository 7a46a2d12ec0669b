import { describe, expect, it } from "@jest/globals";
import { type ExecuteQueryResponse, type PartialMessage, QueryFormat, QueryRequest } from "@millrace/shared-types";

import { callOf, contextOf } from "../files/files-fixture.test.support.js";

import { cancelQuery } from "./cancel-query.js";
import { executeQuery } from "./execute-query.js";
import { listQueries } from "./list-queries.js";
import { listTables } from "./list-tables.js";
import { openQueries } from "./open-queries.js";
import { openQueriesFixture, type QueriesFixture } from "./query-fixture.test.support.js";

function execute({ deps }: Pick<QueriesFixture, "deps">, request: PartialMessage<QueryRequest>, call = callOf("ann")) {
  return executeQuery({ query: QueryRequest.fromPartial(request) }, call.context, deps);
}

async function all(responses: AsyncIterable<ExecuteQueryResponse>): Promise<readonly unknown[]> {
  const results: unknown[] = [];
  for await (const { result } of responses) results.push(result?.data || result?.complete);
  return results;
}

describe("ExecuteQuery", () => {
  it("gives the rows of one query", async () => {
    const fixture = openQueriesFixture();
    expect(await all(execute(fixture, { query: "rows 2", queryId: "tag" }))).toEqual(['{"n":1}', '{"n":2}', true]);
    expect([...fixture.engine.opened]).toEqual([]);
  });

  it("fails as the query does", async () => {
    const fixture = openQueriesFixture();
    await expect(all(execute(fixture, { query: "fail QUERY_LIMIT" }))).rejects.toMatchObject({ reason: "QUERY_LIMIT" });
    await expect(all(execute(fixture, { query: "" }))).rejects.toMatchObject({ reason: "INVALID_FIELD" });
    await expect(
      all(execute({ deps: openQueries({ openQueryEngine: undefined, allowAnonymous: true }) }, {})),
    ).rejects.toMatchObject({
      reason: "FEATURE_DISABLED",
    });
  });

  it("refuses what only a session can", async () => {
    const fixture = openQueriesFixture();
    const wrong = [
      { cancel: {} },
      { credit: {} },
      { options: { initialCreditRows: 1 } },
      { options: { initialCreditBytes: 1 } },
    ];
    for (const part of wrong) {
      await expect(all(execute(fixture, { query: "rows 1", ...part }))).rejects.toMatchObject({
        reason: "INVALID_FIELD",
      });
    }
    await expect(all(executeQuery({ query: undefined }, contextOf(), fixture.deps))).rejects.toMatchObject({
      reason: "INVALID_FIELD",
    });
  });

  it("stops the query when its reader goes", async () => {
    const fixture = openQueriesFixture();
    for await (const _ of execute(fixture, { query: "rows 100", options: { format: QueryFormat.TYPED } })) break;
    expect([...fixture.engine.opened]).toEqual([]);
    expect(fixture.clock.timers).toBe(0);
  });
});

describe("ListQueries and CancelQuery", () => {
  it("know the queries of the caller, and of nobody else", async () => {
    const fixture = openQueriesFixture();
    const { deps, engine, clock } = fixture;
    const running = all(execute(fixture, { query: "wait", queryId: "tag" }));
    await engine.waiting.promise;
    clock.advance(1500);
    const { queries } = await listQueries({}, contextOf("ann"), deps);
    expect(queries).toMatchObject([
      { queryId: "tag", query: "wait", userId: "ann", progress: { rowsSent: 0, elapsed: { seconds: 1, nanos: 5e8 } } },
    ]);
    expect(await listQueries({}, contextOf("bob"), deps)).toEqual({ queries: [] });
    const { runningId = "" } = queries[0] ?? {};
    expect(await cancelQuery({ runningId }, contextOf("bob"), deps)).toEqual({ cancelled: false });
    expect(await cancelQuery({ runningId }, contextOf("ann"), deps)).toEqual({ cancelled: true });
    await expect(running).rejects.toMatchObject({ reason: "QUERY_CANCELLED" });
    expect(await cancelQuery({ runningId }, contextOf("ann"), deps)).toEqual({ cancelled: false });
    expect(await listQueries({}, contextOf("ann"), deps)).toEqual({ queries: [] });
  });

  it("show at most 1024 characters of a statement", async () => {
    const fixture = openQueriesFixture();
    const running = all(execute(fixture, { query: `wait ${"x".repeat(2000)}` }));
    await fixture.engine.waiting.promise;
    const { queries } = await listQueries({}, contextOf("ann"), fixture.deps);
    expect(queries[0]?.query.length).toBe(1024);
    fixture.engine.release.open();
    await running;
  });
});

describe("ListTables", () => {
  it("lists what queries can read", async () => {
    const { deps } = openQueriesFixture();
    const { tables } = await listTables({}, contextOf(), deps);
    expect(tables).toEqual([
      { name: "items", description: "Things.", schema: { columns: [{ name: "key", type: 5 }], parameterCount: 0 } },
    ]);
    await expect(
      listTables({}, contextOf(), openQueries({ openQueryEngine: undefined, allowAnonymous: true })),
    ).rejects.toMatchObject({ reason: "FEATURE_DISABLED" });
  });
});
