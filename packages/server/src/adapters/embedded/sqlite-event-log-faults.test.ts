import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

import { describe, expect, it } from "@jest/globals";

import type { LogEvent } from "../../ports/event-log.js";
import { draft, idsOf, readAll } from "../../ports/event-log-drafts.contract.js";

import { SqliteEventLog } from "./sqlite-event-log.js";
import { SOURCE_IMPORTS } from "./worker-thread.js";
import { openTemporaryFolder } from "./temporary-folder.js";

const MODULE = new URL("./sqlite-event-log.ts", import.meta.url).href;

/** Opens the log in the folder that it is given and makes `append` of it, which stores one event. */
const PRELUDE = `
  const [module, path, name] = process.argv.slice(1);
  const { SqliteEventLog } = await import(module);
  const losses = [];
  const log = await SqliteEventLog.open(path, { onLost: (error) => losses.push(String(error.cause)) });
  const append = (stream, id) => {
    const event = { id, type: "thing", key: "", tombstone: false, head: new Uint8Array(9), payload: Buffer.from(id.repeat(20)) };
    return log.append({ stream, events: [event] });
  };`;

/** Appends from eight places at once and writes each id to stdout once it is acknowledged. */
const APPENDERS = `${PRELUDE}
  const work = async (appender) => {
    for (let n = 0; ; n += 1) {
      const id = [name, appender, n].join("/");
      await append("stream-" + (appender % 3), id);
      process.stdout.write(id + "\\n");
    }
  };
  for (let appender = 0; appender < 8; appender += 1) work(appender);`;

/** Appends until that fails, tries again, reads, and writes what came of it to stdout. */
const UNTIL_FAILURE = `${PRELUDE}
  const acknowledged = [];
  const tryAppend = (id) => append("s", id).then(() => acknowledged.push(id) && "", (error) => error.reason);
  let failure = "";
  for (let n = 0; failure === ""; n += 1) failure = await tryAppend(String(n));
  const again = await tryAppend("again");
  const { events } = await log.read({ after: 0, maxEvents: 100_000, maxBytes: 1e9 });
  console.log(JSON.stringify({ failure, again, losses, acknowledged, read: events.map(({ id }) => id) }));
  process.exit();`;

type Child = ChildProcessByStdio<null, Readable, null>;

/** A process that runs `program` on the log at `path`, started by `command` if there is one. */
function runOn(path: string, program: string, name: string, ...command: readonly string[]): Child {
  const node = [process.execPath, "--import", SOURCE_IMPORTS, "--input-type=module", "-e", program, MODULE, path, name];
  const [file = "", ...args] = [...command, ...node];
  return spawn(file, args, { stdio: ["ignore", "pipe", "inherit"] });
}

/** Kills the child once it has written `count` lines; all that it has written. */
async function linesUntilKilled(child: Child, count: number): Promise<readonly string[]> {
  const ended = once(child, "close");
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    if (lines.push(line) === count) child.kill("SIGKILL");
  }
  await ended;
  return lines;
}

function expectInOrder(events: readonly LogEvent[], acknowledged: readonly string[]): void {
  const ids = idsOf(events);
  expect(new Set(ids).size).toBe(ids.length);
  expect(acknowledged.filter((id) => !ids.includes(id))).toEqual([]);
  for (const stream of new Set(events.map((event) => event.stream))) {
    const revisions = events.filter((event) => event.stream === stream).map(({ revision }) => revision);
    expect(revisions).toEqual(revisions.map((_, index) => index + 1));
  }
  const places = new Map<string, number>();
  for (const id of ids) {
    const [appender, place] = [id.slice(0, id.lastIndexOf("/")), Number(id.slice(id.lastIndexOf("/") + 1))];
    expect(place).toBe((places.get(appender) ?? -1) + 1);
    places.set(appender, place);
  }
}

describe("a process that is killed while it appends", () => {
  it("has lost nothing that it acknowledged, stored nothing twice, and mixed nothing up", async () => {
    await using folder = await openTemporaryFolder();
    const path = join(folder.path, "events.db");
    const acknowledged: string[] = [];
    for (const [round, count] of [1, 2, 7, 20, 50, 100, 150, 200, 300, 500, 3, 30].entries()) {
      acknowledged.push(...(await linesUntilKilled(runOn(path, APPENDERS, `round ${String(round)}`), count)));
      await using log = await SqliteEventLog.open(path);
      const events = await readAll(log);
      expectInOrder(events, acknowledged);
      for (const { id, payload } of events) expect(new TextDecoder().decode(payload)).toBe(id.repeat(20));
      expect((await log.range()).lastSequence).toBe(events.at(-1)?.sequence);
    }
    expect(acknowledged.length).toBeGreaterThan(1000);
  }, 120_000);
});

describe("a disk that fails to write", () => {
  it("ends all appending until the log is opened anew, says so once, loses nothing, and does not end reading", async () => {
    await using folder = await openTemporaryFolder();
    const path = join(folder.path, "events.db");
    const child = runOn(path, UNTIL_FAILURE, "", "sh", "-c", 'ulimit -f 1000; exec "$@"', "sh"); // larger files fail with EFBIG
    const output = (await child.stdout.toArray()).join("");
    const outcome = JSON.parse(output) as {
      readonly [list in "losses" | "acknowledged" | "read"]: readonly string[];
    };
    expect(outcome).toMatchObject({ failure: "BACKEND_UNAVAILABLE", again: "BACKEND_UNAVAILABLE" });
    expect(outcome.losses).toEqual([expect.stringContaining("disk I/O error")]);
    expect(outcome.acknowledged.length).toBeGreaterThan(10);
    expect(outcome.read).toEqual(outcome.acknowledged);
    await using log = await SqliteEventLog.open(path);
    expect(idsOf(await readAll(log)).slice(0, outcome.acknowledged.length)).toEqual(outcome.acknowledged);
    await log.append({ stream: "s", events: [draft("later")] });
    expect(idsOf(await readAll(log)).at(-1)).toBe("later");
  });
});

describe("a disk that is full", () => {
  it("fails the appends that meet it, and later ones no more once there is space", async () => {
    await using folder = await openTemporaryFolder();
    await using log = await SqliteEventLog.open(join(folder.path, "events.db"), { maxPages: 100 });
    const append = (id: string): Promise<unknown> =>
      log.append({ stream: "s", events: [draft(id, { payload: "x".repeat(10_000) })] });
    const appendUntilFull = async (name: string): Promise<readonly string[]> => {
      for (const stored: string[] = []; ;) {
        const id = `${name}/${String(stored.length)}`;
        const refused: unknown = await append(id).then(
          () => undefined,
          (error: unknown) => error,
        );
        if (refused === undefined) stored.push(id);
        else expect(refused).toMatchObject({ reason: "QUOTA_EXCEEDED" });
        if (refused !== undefined) return stored;
      }
    };
    const stored = await appendUntilFull("before");
    expect(stored.length).toBeGreaterThan(10);
    await expect(append("still full")).rejects.toMatchObject({ reason: "QUOTA_EXCEEDED" });
    expect(idsOf(await readAll(log))).toEqual(stored);
    while ((await log.trim({ maxEvents: 2 })) > 0);
    const later = await appendUntilFull("after");
    expect(later.length).toBeGreaterThan(10);
    const { firstSequence } = await log.range();
    expect(idsOf(await readAll(log, { after: firstSequence - 1 }))).toEqual([...stored.slice(-2), ...later]);
    expect((await log.streamRange("s")).lastRevision).toBe(stored.length + later.length);
  });
});
