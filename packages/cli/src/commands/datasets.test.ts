import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";

import { describe, expect, it } from "@jest/globals";
import {
  AlreadyExistsError,
  CancelledError,
  type ClientStatus,
  type DataApi,
  type DataItem,
  type ImportOptions,
  InvalidArgumentError,
  type OutgoingItem,
  UnavailableError,
} from "@millrace/client-sdk";

import { latch } from "@millrace/client-sdk/testing";

import { runCommand } from "../run-command.test.support.js";

interface Setup {
  readonly items?: readonly DataItem[];
  /** What the listing fails with after its items. */
  readonly failure?: Error;
}

/** Stores what it can in memory; refuses items with the key "refused". */
function fakeData({ items = [], failure }: Setup = {}) {
  const stored: OutgoingItem[] = [];
  const created: string[] = [];
  const asked: unknown[] = [];
  const data = {
    datasets: {
      create: async (name: string) => {
        created.push(name);
        if (name === "default") throw new AlreadyExistsError("there is one");
      },
    },
    async import(source: AsyncIterable<OutgoingItem>, { onRejected, onProgress }: ImportOptions) {
      for await (const item of source) {
        if (item.key === "refused") onRejected?.(item, new InvalidArgumentError("too bad"));
        else stored.push({ ...item });
        onProgress?.({ storedItems: stored.length, storedBytes: 1, rejectedItems: 0, bytesPerSecond: 1 });
      }
      return { storedItems: stored.length, storedBytes: 7, rejectedItems: 0 };
    },
    list(options: unknown) {
      asked.push(options);
      return {
        position: "c~1",
        async *[Symbol.asyncIterator]() {
          yield* items;
          if (failure !== undefined) throw failure;
        },
      };
    },
    get: async () => items[0],
  } as never;
  return { stored, created, asked, data };
}

function item(key: string, data: string | Uint8Array, contentType = "application/json"): DataItem {
  const bytes = Buffer.from(data);
  return {
    id: "9007199254740993",
    key,
    data: bytes,
    contentType,
    version: 3,
    updatedAt: new Date(0),
    attributes: {},
    name: "",
    text: () => bytes.toString(),
    json: () => JSON.parse(bytes.toString()) as unknown,
  };
}

const ITEMS = [
  item("a", '{"n":\n 12345678901234567890}'),
  item('b"', "no JSON"),
  item("c", "plain", "text/plain"),
  item("d", Uint8Array.of(0, 255), ""),
  { ...item("e", "1"), attributes: { x: "y" } },
];

/** Content of every kind, and all that an item has besides. */
const VARIED = [
  ...ITEMS,
  item("text 5", "5", "text/plain"),
  item("untyped 5", "5", ""),
  item("text", 'a,\r\n"b"\r\n\n', "text/csv"),
  item("empty", "", "text/plain"),
  item("empty JSON", ""),
  item("spaced JSON", '{\r\n "a": 1 }\n', "application/problem+json"),
  { ...item("line\r\nend", "null"), name: 'Anne "A", \r\nthe first', attributes: { "a,b": 'c"\n', __proto__x: "" } },
];

const LINES = [
  '{"id":"9007199254740993","key":"a","data":{"n":  12345678901234567890}}',
  String.raw`{"id":"9007199254740993","key":"b\"","dataBase64":"bm8gSlNPTg==","contentType":"application/json"}`,
  '{"id":"9007199254740993","key":"c","data":"plain","contentType":"text/plain"}',
  '{"id":"9007199254740993","key":"d","dataBase64":"AP8=","contentType":""}',
  '{"id":"9007199254740993","key":"e","data":1,"attributes":{"x":"y"}}',
  "",
].join("\n");

function withoutData({ contentType = "", name = "", attributes = {} }: OutgoingItem): Partial<DataItem> {
  return { contentType, name, attributes };
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-cli-"));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe("millrace list", () => {
  it("prints an object per line, numbers as they are, with or without --json", async () => {
    const { asked, data } = fakeData({ items: ITEMS });
    const args = ["list", "things", "--limit", "9", "--prefix", "p", "--filter", "true", "--from", "c", "--descending"];
    for (const json of [[], ["--json"]]) {
      const { code, stdout, closed } = await runCommand([...args, ...json], { data });
      expect({ code, stdout, closed }).toEqual({ code: 0, stdout: LINES, closed: 1 });
    }
    expect(asked[0]).toMatchObject({
      dataset: "things",
      limit: 9,
      prefix: "p",
      filter: "true",
      from: "c",
      descending: true,
    });
  });

  it("prints what came before a failure, and how to go on", async () => {
    const { data } = fakeData({ items: ITEMS, failure: new UnavailableError("gone") });
    const { code, stdout, stderr } = await runCommand(["list", "things"], { data });
    expect({ code, stdout }).toEqual({ code: 1, stdout: LINES });
    expect(stderr).toBe("millrace: go on with --from c~1\nmillrace: UNAVAILABLE: gone\n");
  });
});

describe("millrace get", () => {
  it("prints a line per fact, or JSON", async () => {
    const { data } = fakeData({ items: [item("a", '"\u001B"')] });
    const { stdout } = await runCommand(["get", "things", "a"], { data });
    expect(stdout.split("\n")).toContain(String.raw`data            "\u{1b}"`);
    expect((await runCommand(["get", "things", "a", "--json"], fakeData({ items: ITEMS }))).stdout).toBe(
      `${LINES.split("\n")[0] ?? ""}\n`,
    );
  });
});

describe("millrace import", () => {
  it("stores each line, makes the dataset, and takes what export writes", async () => {
    const { stored, created, data } = fakeData();
    const input = `\uFEFF${LINES}\n{"key":"f","data":"text"}`;
    const { code, stdout } = await runCommand(["import", "things", "-", "--json"], { data, input });
    expect({ code, stdout }).toEqual({ code: 0, stdout: '{"storedItems":6,"storedBytes":7,"badLines":0}\n' });
    expect(created).toEqual(["things"]);
    expect(stored.map(({ data: content, contentType }) => [content, contentType])).toEqual([
      ['{"n":  12345678901234567890}', "application/json"],
      [Buffer.from("no JSON"), "application/json"],
      ["plain", "text/plain"],
      [Buffer.from([0, 255]), ""],
      ["1", "application/json"],
      ['"text"', "application/json"],
    ]);
    expect(stored[4]?.attributes).toEqual({ x: "y" });
  });

  it("tells the numbers of bad lines and of those that the server refuses, and stores the others", async () => {
    const { stored, data } = fakeData();
    const bad = [
      "nope",
      "[]",
      '{"data":1}',
      '{"key":"a"}',
      '{"key":"a","data":1,"dat":2}',
      '{"key":"a","dataBase64":"?"}',
    ];
    const lines = ['{"key":"a","data":1}', "", ...bad, '{"key":"refused","data":1}', '{"key":"b","data":2}'];
    const { code, stdout, stderr } = await runCommand(["import", "default", "-"], { data, input: lines.join("\n") });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "imported 2 items\n" });
    expect(stderr.match(/line \d+/g)).toEqual([3, 4, 5, 6, 7, 8, 9].map((line) => `line ${String(line)}`));
    expect(stderr).toContain("line 9: too bad\n");
    expect(stderr).toContain("millrace: 7 lines were left out\n");
    expect(stored).toHaveLength(2);
  });

  it("takes CSV, with data as JSON or with a member per column", async () => {
    await inFolder(async (folder) => {
      const { stored, data } = fakeData();
      const file = join(folder, "a.csv");
      await writeFile(file, 'key,data\r\na,"{""n"":1}"\r\nb,text\r\nc\r\n');
      const first = await runCommand(["import", "things", file], { data });
      expect(first.stderr).toContain("line 4: 1 fields, not 2");
      await writeFile(file, 'name,key\n"a, b",k\n');
      const second = await runCommand(["import", "things", file], { data });
      expect(second.stderr).toContain("100 %");
      expect(stored.map((each) => each.data)).toEqual(['{"n":1}', '"text"', '{"name":"a, b"}']);
      await writeFile(file, "name\na\n");
      expect((await runCommand(["import", "things", file], { data })).stderr).toContain('no column "key"');
    });
  });

  it("takes the type, the name and the attributes that a line or a record has, and tells those that are none", async () => {
    const { stored, data } = fakeData();
    const lines = '{"key":"a","data":1,"name":"A"}\n{"key":"b","data":1,"name":2}';
    const json = await runCommand(["import", "things", "-"], { data, input: lines });
    expect(json.stderr).toContain('line 2: "name" is not a text\n');
    const records = [
      "key,data,contentType,name,attributes",
      "c,5,text/plain,,",
      'd,text,application/json,D,"{""x"":""y""}"',
      'e,1,,,"{""x"":1}"',
      "f,1,,,{",
    ];
    const csv = await runCommand(["import", "things", "-", "--format", "csv"], { data, input: records.join("\n") });
    expect(csv.stderr.match(/line \d+: "attributes" is not a JSON object of texts/g)).toHaveLength(2);
    expect(stored).toEqual([
      { key: "a", name: "A", data: "1", contentType: "application/json", attributes: {} },
      { key: "c", name: "", data: "5", contentType: "text/plain", attributes: {} },
      { key: "d", name: "D", data: '"text"', contentType: "application/json", attributes: { x: "y" } },
    ]);
  });

  it("tells lines with half a surrogate pair, which would be stored as others", async () => {
    const { stored, data } = fakeData();
    const lines = [
      String.raw`{"key":"s\ud800","data":1}`,
      String.raw`{"key":"a","data":1,"name":"\udc00"}`,
      String.raw`{"key":"a","data":1,"attributes":{"\ud800":"b"}}`,
      String.raw`{"key":"a","data":"\ud800","contentType":"text/plain"}`,
      String.raw`{"key":"a","data":"\ud800 stays as it is written"}`,
    ];
    const { stderr } = await runCommand(["import", "things", "-"], { data, input: lines.join("\n") });
    const told = ["key", "name", "attributes", "data"];
    expect(stderr.match(/line .*/g)).toEqual(
      told.map((name, index) => `line ${String(index + 1)}: "${name}" is no Unicode: it has half a surrogate pair`),
    );
    expect(stored).toHaveLength(1);
  });

  it("says once per outage that it goes on trying, but not with --json", async () => {
    const error = new UnavailableError("the server cannot store items");
    const failed = latch();
    async function* status(): AsyncGenerator<ClientStatus> {
      for (let attempt = 1; attempt <= 5; attempt++) {
        yield { type: "backoff", method: "m", attempt, delayMs: 1, error };
      }
      failed.open();
    }
    const { data } = fakeData();
    const importing = {
      ...(data as Partial<DataApi>),
      import: async (...args: Parameters<DataApi["import"]>) => {
        await failed.promise;
        return (data as DataApi).import(...args);
      },
    } as never;
    const input = '{"key":"a","data":1}';
    const run = await runCommand(["import", "things", "-"], { data: importing, status, input });
    expect(run.stderr.match(/millrace: .*/g)).toEqual([
      "millrace: still trying: UNAVAILABLE: the server cannot store items",
    ]);
    expect((await runCommand(["import", "things", "-", "--json"], { data, status, input })).stderr).toBe("");
  });

  it("fails if there is no such file, and is interrupted by Ctrl-C", async () => {
    const { data } = fakeData();
    const missing = await runCommand(["import", "things", "/nowhere.ndjson"], { data });
    expect({ code: missing.code, closed: missing.closed }).toEqual({ code: 1, closed: 1 });
    const interrupt = new AbortController();
    const input = new PassThrough();
    const running = runCommand(["import", "things", "-"], { data, input, signal: interrupt.signal });
    interrupt.abort(new CancelledError("enough"));
    expect((await running).code).toBe(130);
    expect(input.destroyed).toBe(true);
  });
});

describe("millrace export", () => {
  it("writes what list prints, or CSV", async () => {
    await inFolder(async (folder) => {
      const { data } = fakeData({ items: ITEMS });
      const { stdout } = await runCommand(["export", "things", join(folder, "a.ndjson")], { data });
      expect(stdout).toBe("exported 5 items\n");
      expect(await readFile(join(folder, "a.ndjson"), "utf8")).toBe(LINES);
      await runCommand(["export", "things", join(folder, "a.csv")], { data });
      const csv = await readFile(join(folder, "a.csv"), "utf8");
      expect(csv.split("\r\n").slice(3)).toEqual([
        "9007199254740993,c,plain,,text/plain,,",
        "9007199254740993,d,,AP8=,,,",
        '9007199254740993,e,1,,application/json,,"{""x"":""y""}"',
        "",
      ]);
      expect((await runCommand(["export", "things", "-", "--format", "csv"], { data })).stdout).toBe(csv);
    });
  });

  it.each(["ndjson", "csv"])("writes %s from which import makes the same items", async (format) => {
    await inFolder(async (folder) => {
      const file = join(folder, `a.${format}`);
      await runCommand(["export", "things", file], fakeData({ items: VARIED }));
      const first = await readFile(file, "utf8");
      const copy = fakeData();
      const { code, stderr } = await runCommand(["import", "things", file], copy);
      expect({ code, stderr: stderr.includes("line") }).toEqual({ code: 0, stderr: false });
      expect(copy.stored.map(({ key, name, contentType, attributes }) => [key, name, contentType, attributes])).toEqual(
        VARIED.map(({ key, name, contentType, attributes }) => [key, name, contentType, attributes]),
      );
      if (format === "csv") {
        const contents = copy.stored.map(({ data = "" }) => Buffer.from(data).toString("latin1"));
        expect(contents).toEqual(VARIED.map(({ data }) => Buffer.from(data).toString("latin1")));
      }
      const again = copy.stored.map((each) => ({ ...item(each.key ?? "", each.data ?? ""), ...withoutData(each) }));
      await runCommand(["export", "things", file], fakeData({ items: again }));
      expect(await readFile(file, "utf8")).toBe(first);
    });
  });

  it("leaves no file behind that is not whole", async () => {
    await inFolder(async (folder) => {
      const { data } = fakeData({ items: ITEMS, failure: new UnavailableError("gone") });
      const { code } = await runCommand(["export", "things", join(folder, "a.ndjson")], { data });
      expect({ code, files: await readdir(folder) }).toEqual({ code: 1, files: [] });
    });
  });
});
