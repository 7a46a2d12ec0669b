import { randomBytes, randomUUID } from "node:crypto";
import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { median, rounded } from "./statistics.js";
import { writeResults } from "./write-results.js";

/** What is measured of an event log; the embedded one is no part of the server's public interface. */
interface Log extends AsyncDisposable {
  append(append: { readonly stream: string; readonly events: readonly unknown[] }): Promise<unknown>;
}

interface LogModule {
  readonly SqliteEventLog: { open(path: string): Promise<Log> };
}

const LOG_MODULE = new URL("../../packages/server/dist/adapters/embedded/sqlite-event-log.js", import.meta.url);

const APPENDERS = 64;
const ROUNDS = 7;
const RUN_MS = 1_000;
const STORED = 1_000_000;

/** P7 and P10 of PERFORMANCE. */
const TARGET = { groupRatio: 5, eventsPerSecond: 50_000, fastFsyncMs: 0.1, growthRatio: 0.9 };

/** Ids in order of time, as the server makes them, or without any order. */
type Ids = "ordered" | "random";

/** Where an appender gets its events: of 20 types in 50 streams, one in five with a key, 260 bytes. */
function makeEvents(ids: Ids): (count: number) => unknown[] {
  const [head, payload] = [randomBytes(60), randomBytes(200)];
  let made = 0;
  return (count) =>
    Array.from({ length: count }, () => {
      made += 1;
      const uuid = randomUUID();
      const id = ids === "random" ? uuid : `${Date.now().toString(16)}-${made.toString(16).padStart(8, "0")}-${uuid}`;
      const key = made % 5 === 0 ? `key-${made % 1000}` : "";
      return { id, type: `type-${made % 20}`, key, tombstone: false, head, payload };
    });
}

/** Appends single events, each appender one after the other; events per second. */
async function appendFor(log: Log, appenders: number, ids: Ids): Promise<number> {
  const events = makeEvents(ids);
  const startedAt = performance.now();
  let count = 0;
  const work = async (_: unknown, appender: number): Promise<void> => {
    while (performance.now() - startedAt < RUN_MS) {
      await log.append({ stream: `stream-${(appender + count) % 50}`, events: events(1) });
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: appenders }, work));
  return (count / (performance.now() - startedAt)) * 1000;
}

async function fill(log: Log, ids: Ids): Promise<void> {
  const events = makeEvents(ids);
  for (let stored = 0; stored < STORED; stored += 2000) {
    await Promise.all(
      [0, 1].map((n) => log.append({ stream: `stream-${(stored / 1000 + n) % 50}`, events: events(1000) })),
    );
  }
}

/** Milliseconds of one fsync after 4 KiB were written, alone. */
function fsyncMs(folder: string): number {
  const file = openSync(join(folder, "fsync"), "w");
  const page = randomBytes(4096);
  const times = Array.from({ length: 300 }, () => {
    writeSync(file, page);
    const startedAt = performance.now();
    fdatasyncSync(file);
    return performance.now() - startedAt;
  });
  closeSync(file);
  return median(times);
}

/** Runs both in turns; in the first round they warm up. The events per second of each, and the median of the ratios. */
async function compare(
  base: () => Promise<number>,
  ours: () => Promise<number>,
): Promise<{ readonly base: number; readonly ours: number; readonly ratio: number }> {
  const rounds: { readonly base: number; readonly ours: number }[] = [];
  for (let round = 0; round <= ROUNDS; round++) rounds.push({ base: await base(), ours: await ours() });
  rounds.shift();
  return {
    base: median(rounds.map((round) => round.base)),
    ours: median(rounds.map((round) => round.ours)),
    ratio: median(rounds.map((round) => round.ours / round.base)),
  };
}

type Row = Record<string, string | number>;

async function groupCommitRow(folder: string, open: LogModule["SqliteEventLog"]["open"]): Promise<Row> {
  await using log = await open(join(folder, "group.db"));
  const fsync = fsyncMs(folder);
  const { base, ours, ratio } = await compare(
    () => appendFor(log, 1, "ordered"),
    () => appendFor(log, APPENDERS, "ordered"),
  );
  const mustBeFast = fsync <= TARGET.fastFsyncMs;
  const isMet = ratio >= TARGET.groupRatio && (!mustBeFast || ours >= TARGET.eventsPerSecond);
  return {
    figure: `${APPENDERS} appenders share commits (an fsync takes ${fsync.toFixed(2)} ms)`,
    "compared with": "one commit per append",
    "base, events/s": rounded(base),
    "events/s": rounded(ours),
    ratio: rounded(ratio, 2),
    target: `${TARGET.groupRatio}${mustBeFast ? `, ${TARGET.eventsPerSecond}/s` : ""} ${isMet ? "met" : "MISSED"}`,
  };
}

async function growthRow(folder: string, open: LogModule["SqliteEventLog"]["open"], ids: Ids): Promise<Row> {
  await using large = await open(join(folder, `large-${ids}.db`));
  await fill(large, ids);
  let fresh = 0;
  const { base, ours, ratio } = await compare(
    async () => {
      await using empty = await open(join(folder, `empty-${ids}-${(fresh += 1)}.db`));
      return await appendFor(empty, APPENDERS, ids);
    },
    () => appendFor(large, APPENDERS, ids),
  );
  // Ids without order are the publisher's choice: they cost what they cost, but must not collapse.
  const target = ids === "ordered" ? `${TARGET.growthRatio} ${ratio >= TARGET.growthRatio ? "met" : "MISSED"}` : "";
  return {
    figure: `${STORED} events stored, ${ids} ids`,
    "compared with": "an empty log",
    "base, events/s": rounded(base),
    "events/s": rounded(ours),
    ratio: rounded(ratio, 2),
    target,
  };
}

const { SqliteEventLog } = (await import(LOG_MODULE.href)) as LogModule;
const folder = await mkdtemp(join(tmpdir(), "millrace-bench-"));
await using stack = new AsyncDisposableStack();
stack.defer(() => rm(folder, { recursive: true }));
const open = (path: string): Promise<Log> => SqliteEventLog.open(path);
const rows: Row[] = [await groupCommitRow(folder, open)];
for (const ids of ["ordered", "random"] as const) rows.push(await growthRow(folder, open, ids));
console.table(rows);
writeResults("append", { rows });
