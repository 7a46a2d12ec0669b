import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import type { QueryScalar } from "../../ports/query-engine.js";

import { SqliteQueryEngine } from "./sqlite-query-engine.js";
import { NEVER, openQueryFixture, type QueryFixture, scopeOf } from "./sqlite-query-fixture.test.support.js";

const NUMBERS = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT 10000) SELECT n FROM r";
const ENDLESS = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r";
const ONE_BY_ONE = { maxRows: 1, maxBytes: 1000 };

/** Opens a statement of a caller. */
function open({ engine }: QueryFixture, sql: string, callerId = "", signal = NEVER) {
  return engine.open({ sql, parameters: [], scope: scopeOf({ callerId }) }, signal);
}

/** Adds an item to a dataset `d`. */
async function putItem({ stores }: QueryFixture, key: string): Promise<void> {
  const value = JSON.stringify({ name: "d", collection: "data/1", createdAt: 1 });
  await stores.records.commit([{ collection: "datasets", key: "d", value }]);
  const put = { key, head: new Uint8Array(0), data: Buffer.from("x") };
  await stores.items.commit([{ collection: "data/1", put }], { atomic: true });
}

/** For tests that neither change much nor need anything of their own. */
let shared: QueryFixture;

beforeAll(async () => {
  shared = await openQueryFixture();
});

afterAll(async () => {
  await shared[Symbol.asyncDispose]();
});

describe("values", () => {
  const scalar = fc.oneof(
    fc.constant(null),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.double({ noNaN: true }),
    fc.string({ unit: "grapheme" }).filter((text) => !text.includes("\0")),
    fc.uint8Array(),
  );

  it("come back as they were given, all 64 bits, all bytes", async () => {
    const fixture = shared;
    const roundTrip = async (values: readonly QueryScalar[]): Promise<void> => {
      const sql = `SELECT ${values.map((_, index) => `$${String(index + 1)}`).join()}`;
      const [row = []] = await fixture.rows(sql, values);
      expect(row.map(plain)).toEqual(values.map(plain));
    };
    await roundTrip([2n ** 63n - 1n, -(2n ** 63n), 0n, Infinity, -Infinity, -0, "", "\u{1f600}", new Uint8Array(0)]);
    await fc.assert(fc.asyncProperty(fc.array(scalar, { minLength: 1, maxLength: 20 }), roundTrip), { numRuns: 50 });
  });

  function plain(value: QueryScalar): unknown {
    return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
  }

  it("of parameters are never part of the statement", async () => {
    await using fixture = await openQueryFixture();
    await putItem(fixture, "a");
    const injections = [
      "' OR 1 = 1 --",
      "a'; DROP TABLE items; --",
      '" OR ""="',
      "\\' OR 1=1",
      "%27 OR 1",
      "a\u0000' OR '1",
    ];
    for (const text of injections) {
      expect(await fixture.rows("SELECT key FROM items WHERE key = $1", [text])).toEqual([]);
    }
    const any = fc.string({ unit: "binary" }).filter((text) => text !== "a");
    await fc.assert(
      fc.asyncProperty(any, async (text) => {
        expect(await fixture.rows("SELECT key FROM items WHERE key = $1", [text])).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });

  it("must be as many as the statement takes", async () => {
    const fixture = shared;
    const wrong: readonly (readonly [string, number])[] = [
      ["SELECT $1", 0],
      ["SELECT $2", 1],
      ["SELECT '$1'", 1],
      ["SELECT 1 -- $1", 1],
      ["SELECT $1, $1", 2],
    ];
    for (const [sql, count] of wrong) {
      await expect(fixture.rows(sql, new Array(count).fill(null))).rejects.toMatchObject({ reason: "INVALID_QUERY" });
    }
    expect(await fixture.rows("SELECT $2, $1, $2", [1n, 2n])).toEqual([[2n, 1n, 2n]]);
  });
});

describe("a result", () => {
  it("has columns with names of their own, and the types of published columns", async () => {
    const fixture = shared;
    await using query = await open(
      fixture,
      "SELECT key, key, version AS v, updated_at, attributes, data, 1 + 1 AS v FROM items",
    );
    expect(query.columns).toEqual([
      { name: "key", type: "string" },
      { name: "key:2", type: "string" },
      { name: "v", type: "int" },
      { name: "updated_at", type: "timestamp" },
      { name: "attributes", type: "json" },
      { name: "data", type: "bytes" },
      { name: "v:2", type: "any" },
    ]);
  });

  it("can be the count of any table, or constants beside its rows", async () => {
    const fixture = shared;
    for (const { name } of fixture.engine.tables) {
      expect(await fixture.rows(`SELECT count(*) FROM ${name}`)).toEqual([[0n]]);
      expect(await fixture.rows(`SELECT 1 FROM ${name}`)).toEqual([]);
      expect(await fixture.rows(`SELECT count(*) FROM ${name.toUpperCase()} AS a, temp.${name}`)).toEqual([[0n]]);
    }
  });

  it("comes in batches of as many rows and bytes as are asked for, and says when it is done", async () => {
    const fixture = shared;
    await using query = await open(fixture, `${NUMBERS} WHERE n <= 5`);
    expect(await query.read({ maxRows: 2, maxBytes: 1000 })).toEqual({ rows: [[1n], [2n]], bytes: 32, done: false });
    expect((await query.read({ maxRows: 100, maxBytes: 40 })).rows).toEqual([[3n], [4n]]);
    expect(await query.read({ maxRows: 1, maxBytes: 1 })).toEqual({ rows: [[5n]], bytes: 16, done: true });
  });

  it("is of one moment, however long its reader takes", async () => {
    await using fixture = await openQueryFixture();
    for (const key of ["a", "b", "c"]) await putItem(fixture, key);
    await using query = await open(fixture, "SELECT key FROM items ORDER BY key");
    expect((await query.read(ONE_BY_ONE)).rows).toEqual([["a"]]);
    await putItem(fixture, "d");
    expect((await query.read({ maxRows: 9, maxBytes: 1000 })).rows).toEqual([["b"], ["c"]]);
    expect(await fixture.rows("SELECT count(*) FROM items")).toEqual([[4n]]);
  });

  it("does not keep the server from writing, nor a write-ahead log from being moved to the database", async () => {
    await using fixture = await openQueryFixture();
    await putItem(fixture, "a");
    await using query = await open(fixture, "SELECT key FROM items, (VALUES (1), (2))");
    await query.read(ONE_BY_ONE);
    const startedMs = performance.now();
    for (let n = 0; n < 20; n++) await putItem(fixture, `k${String(n)}`);
    expect(performance.now() - startedMs).toBeLessThan(5000);
  });

  it("fails with what was found when stored data is damaged", async () => {
    await using fixture = await openQueryFixture();
    await putItem(fixture, "a");
    await using query = await open(fixture, "SELECT length(data), json FROM items");
    expect((await query.read(ONE_BY_ONE)).rows).toEqual([[1n, null]]);
    const { DatabaseSync } = await import("node:sqlite");
    const database = new DatabaseSync(`${fixture.path}/items.db`, { timeout: 5000 });
    database.exec("UPDATE versions SET data = x'79'");
    database.close();
    await expect(fixture.rows("SELECT data FROM items")).rejects.toMatchObject({ reason: "CORRUPT_DATA" });
    expect(await fixture.rows("SELECT key FROM items")).toEqual([["a"]]);
  });
});

describe("processes", () => {
  it("run queries of one caller only", async () => {
    await using fixture = await openQueryFixture({ maxProcesses: 2 });
    const pids = new Set<number>();
    for (const callerId of ["ann", "bob", "ann", "bob", "cid", "ann"]) {
      await using query = await open(fixture, NUMBERS, callerId);
      pids.add(query.pid);
      expect(fixture.engine.processes).toBeLessThanOrEqual(2);
    }
    // Ann's was ended for Cid's, or Bob's for hers: more callers than processes.
    expect(pids.size).toBeGreaterThanOrEqual(4);
  });

  it("are used again by the same caller", async () => {
    await using fixture = await openQueryFixture();
    const pids = new Set<number>();
    for (let n = 0; n < 5; n++) {
      await using query = await open(fixture, NUMBERS, "ann");
      pids.add(query.pid);
      await query.read(ONE_BY_ONE); // it is left in the middle
    }
    expect(pids.size).toBe(1);
  });

  it("are at most as many as are allowed; a query waits for one, in its turn, and can give up", async () => {
    await using fixture = await openQueryFixture({ maxProcesses: 1 });
    const first = await open(fixture, NUMBERS, "ann");
    const giveUp = new AbortController();
    const gaveUp = open(fixture, NUMBERS, "bob", giveUp.signal);
    const second = open(fixture, NUMBERS, "cid");
    giveUp.abort(new Error("enough"));
    await expect(gaveUp).rejects.toThrow("enough");
    await first[Symbol.asyncDispose]();
    await using query = await second;
    expect((await query.read(ONE_BY_ONE)).rows).toEqual([[1n]]);
    expect(fixture.engine.processes).toBe(1);
  });

  it("are killed when a query is stopped while it computes, and replaced", async () => {
    await using fixture = await openQueryFixture({ maxProcesses: 1 });
    const stop = new AbortController();
    const query = await open(fixture, ENDLESS, "ann", stop.signal);
    const { pid } = query;
    const reading = query.read(ONE_BY_ONE);
    reading.catch(() => {});
    await sleep(50);
    stop.abort(new Error("stopped"));
    await expect(reading).rejects.toThrow("stopped");
    await query[Symbol.asyncDispose]();
    expect(await fixture.rows("SELECT 1")).toEqual([[1n]]);
    await untilGone(pid);
  });

  it("that use too much memory end themselves", async () => {
    await using fixture = await openQueryFixture({ maxResidentBytes: 160 * 1024 * 1024 });
    const sql = `${NUMBERS.replace("10000", "100000000")}, (SELECT hex(randomblob(1000)) AS h) ORDER BY h`;
    await expect(fixture.rows(sql.replace("SELECT n FROM r", "SELECT n, h FROM r"))).rejects.toMatchObject({
      reason: "QUERY_LIMIT",
    });
    expect(await fixture.rows("SELECT 1")).toEqual([[1n]]);
  });

  it("that cannot start say why", async () => {
    await using fixture = await openQueryFixture();
    const engine = new SqliteQueryEngine(`${fixture.path}/nowhere`);
    const opening = engine.open({ sql: "SELECT 1", parameters: [], scope: scopeOf() }, NEVER);
    await expect(opening).rejects.toMatchObject({
      reason: "BACKEND_UNAVAILABLE",
      cause: { message: expect.stringContaining("unable to open database") },
    });
    await engine[Symbol.asyncDispose]();
  });

  it("are all gone when the engine is closed, also those that compute", async () => {
    const fixture = await openQueryFixture();
    const query = await open(fixture, ENDLESS, "ann");
    const reading = query.read(ONE_BY_ONE);
    reading.catch(() => {});
    await fixture[Symbol.asyncDispose]();
    await expect(reading).rejects.toMatchObject({ reason: "BACKEND_UNAVAILABLE" });
    await untilGone(query.pid);
  });
});

/** Resolves when there is no such process. */
async function untilGone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await sleep(5);
  }
}
