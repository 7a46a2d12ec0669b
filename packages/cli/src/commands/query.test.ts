import { PassThrough } from "node:stream";

import { describe, expect, it } from "@jest/globals";
import {
  InvalidArgumentError,
  type QueryCell,
  type QueryColumn,
  type QueryOptions,
  type QueryRow,
} from "@millrace/client-sdk";

import { runCommand } from "../run-command.test.support.js";

/** Answers statements as it is told. */
class FakeQueries {
  readonly asked: { sql: string; options: QueryOptions }[] = [];
  columns: readonly QueryColumn[] = [{ name: "n", type: "int" }];
  rows: readonly QueryRow[] = [{ n: 1 }];
  rowLimitReached = false;
  closed = 0;

  readonly api = {
    session: () => ({
      query: (sql: string, options: QueryOptions) => this.#result(sql, options),
      [Symbol.asyncDispose]: async () => void this.closed++,
    }),
  } as never;

  #result(sql: string, options: QueryOptions) {
    this.asked.push({ sql, options });
    const { rows, columns, rowLimitReached } = this;
    const failure = sql.startsWith("bad") ? new InvalidArgumentError("bad statement") : undefined;
    const told = failure === undefined ? Promise.resolve(columns) : Promise.reject(failure);
    told.catch(() => {}); // as the SDK has it, nobody has to look
    return {
      columns: told,
      stats: Promise.resolve({ rowCount: rows.length, byteCount: 0, elapsedMs: 0, rowLimitReached }),
      async *[Symbol.asyncIterator](): AsyncGenerator<QueryRow> {
        if (failure !== undefined) throw failure;
        yield* rows;
        if (sql === "endless") {
          await new Promise((_, reject) =>
            options.signal?.addEventListener("abort", () => reject(new Error("stopped"))),
          );
        }
      },
    };
  }
}

const VALUES: Readonly<Record<string, QueryCell>> = {
  text: 'a "b",\u001B[2J',
  large: 2n ** 62n,
  bytes: Uint8Array.of(1, 255),
  time: new Date(0),
  json: { a: [1] },
  nothing: null,
};

describe("millrace query", () => {
  it("prints a table for people", async () => {
    const queries = new FakeQueries();
    queries.columns = [
      { name: "name", type: "string" },
      { name: "count", type: "int" },
    ];
    queries.rows = [
      { name: "a", count: 5 },
      { name: "b\u001B", count: 12_000 },
      { name: "x".repeat(100), count: null },
    ];
    const { code, stdout } = await runCommand(["query", "SELECT 1"], { query: queries.api });
    expect(code).toBe(0);
    const name = (text: string): string => text.padEnd(60);
    expect(stdout.split("\n")).toEqual([
      `${name("name")}  count`,
      `${"-".repeat(60)}  -----`,
      `${name("a")}      5`,
      `${name("b\\u{1b}")}  12000`,
      `${"x".repeat(59)}…`,
      "(3 rows)",
      "",
    ]);
    expect(queries.closed).toBe(1);
  });

  it("prints all rows of a long table", async () => {
    const queries = new FakeQueries();
    queries.rows = Array.from({ length: 1000 }, (_, n) => ({ n }));
    const { stdout } = await runCommand(["query", "SELECT 1"], { query: queries.api });
    expect(stdout.split("\n").length).toBe(1000 + 4);
    expect(stdout).toContain("\n999\n(1000 rows)\n");
  });

  it("prints JSON, one object per row, with all digits", async () => {
    const queries = new FakeQueries();
    queries.rows = [VALUES];
    const { stdout } = await runCommand(["query", "SELECT 1", "--json"], { query: queries.api });
    expect(stdout).toBe(
      '{"text":"a \\"b\\",\\u001b[2J","large":4611686018427387904,"bytes":"Af8=",' +
        '"time":"1970-01-01T00:00:00.000Z","json":{"a":[1]},"nothing":null}\n',
    );
  });

  it("prints CSV with a header, also without rows", async () => {
    const queries = new FakeQueries();
    queries.columns = Object.keys(VALUES).map((name) => ({ name, type: "any" }));
    queries.rows = [VALUES];
    const { stdout } = await runCommand(["query", "SELECT 1", "--csv"], { query: queries.api });
    expect(stdout).toBe(
      "text,large,bytes,time,json,nothing\r\n" +
        `"a ""b"",\u001B[2J",4611686018427387904,x'01ff',1970-01-01T00:00:00.000Z,"{""a"":[1]}",\r\n`,
    );
    queries.rows = [];
    const empty = await runCommand(["query", "SELECT 1", "--csv"], { query: queries.api });
    expect(empty.stdout).toBe("text,large,bytes,time,json,nothing\r\n");
  });

  it("hands over parameters and limits, and says that there is more", async () => {
    const queries = new FakeQueries();
    queries.rowLimitReached = true;
    const params = [
      "--param",
      "5",
      "--param",
      "x",
      "--param",
      "null",
      "--param",
      "true",
      "--param",
      "1.5",
      "--param",
      "",
    ];
    const args = ["query", "SELECT 1", "--max-rows", "7", "--timeout", "9", ...params];
    const { stderr } = await runCommand(args, { query: queries.api });
    expect(queries.asked[0]).toMatchObject({
      sql: "SELECT 1",
      options: { maxRows: 7, timeoutMs: 9000, params: [5n, "x", null, true, 1.5, ""] },
    });
    expect(stderr).toBe("millrace: there are more rows\n");
  });

  it("fails as the statement does", async () => {
    for (const format of [[], ["--json"], ["--csv"]]) {
      const run = await runCommand(["query", "bad", ...format], { query: new FakeQueries().api });
      expect(run).toMatchObject({ code: 1, stdout: "", stderr: "millrace: INVALID_ARGUMENT: bad statement\n" });
    }
  });

  it("runs each line of a pipe", async () => {
    const queries = new FakeQueries();
    const { stdout } = await runCommand(["query", "--json"], { query: queries.api, input: "one\n\ntwo\n" });
    expect(queries.asked.map(({ sql }) => sql)).toEqual(["one", "two"]);
    expect(stdout).toBe('{"n":1}\n{"n":1}\n');
  });
});

describe("millrace query, at a screen", () => {
  /** Types `keys`, one after the other, each when the screen shows what is before it. */
  async function typing(queries: FakeQueries, ...steps: readonly (readonly [shows: string, keys: string])[]) {
    const [input, screen] = [new PassThrough(), new PassThrough()];
    let shown = "";
    let seen = 0;
    const rest = [...steps];
    screen.on("data", (data: Buffer) => {
      shown += data.toString();
      const [step] = rest;
      const at = step === undefined ? -1 : shown.indexOf(step[0], seen);
      if (step === undefined || at < 0) return;
      seen = at + step[0].length;
      rest.shift();
      setImmediate(() => input.write(step[1]));
    });
    const run = await runCommand(["query"], { query: queries.api, input, screen });
    return { ...run, shown };
  }

  it("runs what is typed, tells what fails, and ends at `exit`", async () => {
    const queries = new FakeQueries();
    const run = await typing(queries, ["sql> ", "one\r"], ["(1 row)", "bad\r"], ["bad statement", "exit\r"]);
    expect(run.code).toBe(0);
    expect(run.shown).toContain("millrace: INVALID_ARGUMENT: bad statement\n");
    expect(queries.asked.map(({ sql }) => sql)).toEqual(["one", "bad"]);
  });

  it("goes back in the history, and ends at Ctrl-D", async () => {
    const queries = new FakeQueries();
    const { code } = await typing(queries, ["sql> ", "again\r"], ["(1 row)", "\u001B[A\r"], ["(1 row)", "\u0004"]);
    expect(code).toBe(0);
    expect(queries.asked.map(({ sql }) => sql)).toEqual(["again", "again"]);
  });

  it("stops the statement that runs at Ctrl-C, and ends at the next", async () => {
    const queries = new FakeQueries();
    const stopping = ["endless\r\n", "\u0003"] as const;
    const { code } = await typing(
      queries,
      ["sql> ", "endless\r"],
      stopping,
      ["(stopped)", "one\r"],
      ["(1 row)", "\u0003"],
    );
    expect(code).toBe(0);
    expect(queries.asked.map(({ sql }) => sql)).toEqual(["endless", "one"]);
  });
});
