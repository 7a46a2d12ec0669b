import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { constants, DatabaseSync } from "node:sqlite";

import { describe, expect, it } from "@jest/globals";
import { ServiceError } from "@millrace/shared-types";

import { ESCAPES, RUNAWAYS } from "./sqlite-query-escapes.test.support.js";
import { filesUnder, openQueryFixture, type QueryFixture, scopeOf } from "./sqlite-query-fixture.test.support.js";
import { mayDo } from "./sqlite-query-permissions.js";

const REFUSALS = ["INVALID_QUERY", "QUERY_NOT_READ_ONLY", "QUERY_LIMIT"];

/** Longest time for a statement of the corpus, and for one that never ends. */
const DEADLINE_MS = 5000;
const RUNAWAY_MS = 300;

interface Attempt {
  readonly sql: string;
  readonly outcome: string;
}

/** Runs a statement to its end, or its deadline; says how that was. */
async function attempt({ engine }: QueryFixture, sql: string, deadlineMs: number): Promise<Attempt> {
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(new Error("deadline")), deadlineMs);
  const outcome = async (): Promise<string> => {
    try {
      await using query = await engine.open({ sql, parameters: [], scope: scopeOf() }, deadline.signal);
      while (!(await query.read({ maxRows: 1000, maxBytes: 1_000_000 })).done);
      return "succeeded";
    } catch (error) {
      return error instanceof ServiceError ? String(error.reason) : (error as Error).message;
    }
  };
  const result = { sql: sql.slice(0, 200), outcome: await outcome() };
  clearTimeout(timer);
  return result;
}

describe("statements that try to escape", () => {
  it("are at least 150", () => {
    expect(new Set(Object.values(ESCAPES).flat()).size).toBeGreaterThanOrEqual(150);
  });

  it("all fail, one after the other in the same process, and no file appears or changes", async () => {
    await using fixture = await openQueryFixture({ maxProcesses: 1 });
    await seed(fixture);
    expect(await fixture.rows("SELECT 1")).toEqual([[1n]]);
    const before = await filesUnder(fixture.path);
    const temporary = await temporaryFiles();
    const succeeded: unknown[] = [];
    for (const [wish, statements] of Object.entries(ESCAPES)) {
      for (const template of statements) {
        const sql = template.replaceAll("{dir}", fixture.path);
        const { outcome } = await attempt(fixture, sql, DEADLINE_MS);
        if (!REFUSALS.includes(outcome)) succeeded.push({ wish, sql, outcome });
      }
    }
    expect(succeeded).toEqual([]);
    expect(await filesUnder(fixture.path)).toEqual(before);
    expect(await temporaryFiles()).toEqual(temporary);
    expect(await fixture.rows("SELECT count(*) FROM items")).toEqual([[1n]]);
  }, 60_000);

  // How long after the deadline, the acceptance run `query` measures: at most 500 ms.
  it("that never end are ended at their deadline, or when they have taken too much memory", async () => {
    await using fixture = await openQueryFixture({ maxProcesses: 2, maxResidentBytes: 200 * 1024 * 1024 });
    const wrong: Attempt[] = [];
    for (const sql of RUNAWAYS) {
      const result = await attempt(fixture, sql, RUNAWAY_MS);
      if (result.outcome !== "deadline" && result.outcome !== "QUERY_LIMIT") wrong.push(result);
    }
    expect(wrong).toEqual([]);
    expect(await fixture.rows("SELECT 2")).toEqual([[2n]]);
  }, 60_000);
});

describe("the two fences", () => {
  it("are needed both: to SQLite a common table expression looks like the view whose name it has", () => {
    const database = new DatabaseSync(":memory:");
    database.exec(
      "ATTACH ':memory:' AS records_db; CREATE TABLE records_db.records (value); CREATE TEMP VIEW items AS SELECT 1",
    );
    database.exec("INSERT INTO records_db.records VALUES ('secret')");
    database.setAuthorizer((...action) => (mayDo(action) ? constants.SQLITE_OK : constants.SQLITE_DENY));
    expect(() => database.prepare("SELECT value FROM records_db.records").all()).toThrow(/prohibited/);
    // If this throws one day, SQLite tells the two apart, and one fence is enough.
    const spoof = "WITH items AS (SELECT value FROM records_db.records) SELECT value FROM items";
    expect(database.prepare(spoof).all()).toEqual([{ value: "secret" }]);
  });

  it("let names of one's own be those of tables of the server", async () => {
    await using fixture = await openQueryFixture();
    const names = ["records", "log", "streams", "current", "versions"];
    for (const name of names) {
      expect(await fixture.rows(`WITH ${name}(x) AS (VALUES (1), (2)) SELECT count(*) FROM ${name}`)).toEqual([[2n]]);
      expect(await fixture.rows(`WITH ${name}(x) AS (VALUES (1), (2)) SELECT sum(x) FROM ${name}`)).toEqual([[3n]]);
    }
  });
});

/** Those of SQLite. */
async function temporaryFiles(): Promise<readonly string[]> {
  return (await readdir(tmpdir())).filter((name) => name.startsWith("etilqs"));
}

/** Something of everything that is not for everybody. */
async function seed({ stores }: QueryFixture): Promise<void> {
  const { records, items } = stores;
  const dataset = JSON.stringify({ name: "d", collection: "data/1", createdAt: 1 });
  await records.commit([
    { collection: "datasets", key: "d", value: dataset },
    { collection: "rooms", key: "closed", value: JSON.stringify({ open: false, ownerId: "eve", memberIds: [] }) },
    { collection: "files", key: "f", value: JSON.stringify({ owner: "eve", filename: "secret", metadata: [] }) },
  ]);
  const put = { key: "a", head: new Uint8Array(0), data: Buffer.from("x") };
  await items.commit([{ collection: "data/1", put }], { atomic: true });
}
