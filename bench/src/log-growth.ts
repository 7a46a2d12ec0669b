import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createClient, type EventStart } from "@millrace/client-sdk";

import { type RunningContender, startContender } from "./contenders/start-contender.js";
import { connectEvents, fillLog, publishFor } from "./publish-load.js";
import { median, rounded } from "./statistics.js";
import { writeResults } from "./write-results.js";

/** Events that are stored before, in the two logs that are compared. */
const SIZES = { empty: 0, large: 1_000_000 } as const;
type LogName = keyof typeof SIZES;

const ROUNDS = 5;
const RUN_MS = 3_000;

/** P10 and P11 of PERFORMANCE, and the figures of the log's acceptance. */
const TARGET = { publishRatio: 0.9, firstEventMs: 100, servingMs: 2_000 };

/** One life of a server on one log. */
interface Life {
  readonly servingMs: number;
  readonly eventsPerSecond: number;
  readonly slowestFirstEventMs: number;
}

/** Where watches begin: wherever it is, the first event has to come soon. */
async function startsIn(server: RunningContender): Promise<readonly EventStart[]> {
  await using client = createClient({ target: server.target });
  const { firstSequence, lastSequence } = await client.events.info();
  const middle = Math.ceil((firstSequence + lastSequence) / 2);
  return ["beginning", { sequence: middle }, { sequence: lastSequence }];
}

/** From the opening of a watch, over a new connection, to its first event. */
async function firstEventMs(target: string, from: EventStart): Promise<number> {
  await using client = createClient({ target });
  const startedAt = performance.now();
  for await (const _ of client.events.watch({ from, limit: 1 })) return performance.now() - startedAt;
  throw new Error("the watch ended without an event");
}

async function live(dataDir: string): Promise<Life> {
  await using server = await startContender("millrace", dataDir);
  await using client = connectEvents(server.target);
  const eventsPerSecond = await publishFor(client.events, "PublishStream, 16 on their way", RUN_MS);
  let slowestFirstEventMs = 0;
  for (const from of await startsIn(server)) {
    slowestFirstEventMs = Math.max(slowestFirstEventMs, await firstEventMs(server.target, from));
  }
  return { servingMs: server.servingAfterMs, eventsPerSecond, slowestFirstEventMs };
}

async function fill(dataDir: string, count: number): Promise<void> {
  await using server = await startContender("millrace", dataDir);
  await using client = connectEvents(server.target);
  await fillLog(client.events, count);
}

/** Both logs take turns; the first round warms up. The empty one is a new one each time. */
async function measure(largeDir: string): Promise<Record<LogName, Life[]>> {
  const lives: Record<LogName, Life[]> = { empty: [], large: [] };
  for (let round = 0; round <= ROUNDS; round++) {
    await using stack = new AsyncDisposableStack();
    const emptyDir = stack.adopt(await makeFolder(), removeFolder);
    const [empty, large] = [await live(emptyDir), await live(largeDir)];
    if (round === 0) continue;
    lives.empty.push(empty);
    lives.large.push(large);
  }
  return lives;
}

const makeFolder = (): Promise<string> => mkdtemp(join(tmpdir(), "millrace-bench-"));
const removeFolder = (folder: string): Promise<void> => rm(folder, { recursive: true });

function verdict(isMet: boolean, target: string): string {
  return `${target} ${isMet ? "met" : "MISSED"}`;
}

function rowsOf(lives: Readonly<Record<LogName, readonly Life[]>>): Record<string, unknown>[] {
  const of = (log: LogName, field: keyof Life): number => median(lives[log].map((life) => life[field]));
  const ratio = median(
    lives.large.map(
      ({ eventsPerSecond }, round) => eventsPerSecond / (lives.empty[round]?.eventsPerSecond ?? Number.NaN),
    ),
  );
  const firstMs = of("large", "slowestFirstEventMs");
  const servingMs = of("large", "servingMs");
  return [
    {
      figure: "publish, events/s",
      empty: rounded(of("empty", "eventsPerSecond")),
      "1 M events": rounded(of("large", "eventsPerSecond")),
      target: verdict(ratio >= TARGET.publishRatio, `${String(TARGET.publishRatio)} × empty (${ratio.toFixed(2)})`),
    },
    {
      figure: "first event of a watch, slowest start, ms",
      empty: rounded(of("empty", "slowestFirstEventMs"), 1),
      "1 M events": rounded(firstMs, 1),
      target: verdict(firstMs <= TARGET.firstEventMs, `≤ ${String(TARGET.firstEventMs)} ms`),
    },
    {
      figure: "process start to serving, ms",
      empty: rounded(of("empty", "servingMs")),
      "1 M events": rounded(servingMs),
      target: verdict(servingMs <= TARGET.servingMs, `≤ ${String(TARGET.servingMs)} ms`),
    },
  ];
}

await using stack = new AsyncDisposableStack();
const largeDir = stack.adopt(await makeFolder(), removeFolder);
await fill(largeDir, SIZES.large);
const rows = rowsOf(await measure(largeDir));
console.table(rows);
writeResults("log-growth", { rows });
