import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { type BatchItem, type BatchItemResult, createClient, type StreamingClient } from "@millrace/client-sdk";
import { within } from "@millrace/client-sdk/testing";

import { type ServerProcess, startServerProcess } from "./support/server-process.js";

const LANES = 97;
const STREAM = "batch";
const LONG_MS = 1_800_000;

export interface BatchKillPlan {
  readonly dataDir: string;
  readonly items: number;
  readonly kills: number;
  readonly maxConcurrency: number;
  readonly random: () => number;
}

/** What became of the items; all but the first three and the last three are to be 0. */
export interface BatchKillReport {
  readonly items: number;
  readonly kills: number;
  readonly failed: number;
  /** Items whose result was not told, was told twice, or is not what it must be; with SDK, and as listed by the server. */
  readonly wrongTold: number;
  readonly wrongListed: number;
  /** Items of `work` that never ran to success although they are told so. */
  readonly notRun: number;
  /** Items of one ordering key that ran before an earlier one had. */
  readonly unordered: number;
  readonly missingEvents: number;
  readonly duplicateEvents: number;
  /** The same items with the same keys in another batch: what ran all the same, and what got another outcome. */
  readonly ranAgain: number;
  readonly wrongReplayed: number;
  /** Items of `work` that ran to success a second time, because a kill came before their outcome was durable. */
  readonly cutOff: number;
  readonly elapsedMs: number;
  readonly replayMs: number;
}

/**
 * Has a server run items while it is killed with SIGKILL, at moments that come with the results, and started again.
 * Of ten items one fails for good, four are run by a processor that notes each success in a file, two of them in
 * order of a key, and five publish an event. Then all come once more, with the same idempotency keys.
 */
export async function killDuringBatch(plan: BatchKillPlan): Promise<BatchKillReport> {
  let server: ServerProcess = await startBatchServer(plan);
  try {
    await using client = createClient({ target: server.target, resume: { backoff: { maxMs: 200 } } });
    const killAt = Array.from({ length: plan.kills }, () => Math.floor((0.02 + 0.96 * plan.random()) * plan.items));
    killAt.sort((a, b) => a - b);
    let restarting = Promise.resolve();
    const restart = async (): Promise<void> => {
      await server.kill();
      server = await startBatchServer(plan, server.port);
    };
    const first = await runAll(client, plan, "first", (told) => {
      if (told !== killAt[0]) return;
      while (killAt[0] === told) killAt.shift();
      restarting = restarting.then(restart);
    });
    await restarting;
    const runs = await runsOf(plan);
    const second = await runAll(client, plan, "second", () => {});
    return {
      items: plan.items,
      kills: plan.kills,
      failed: first.failed,
      wrongTold: first.wrong,
      wrongListed: await wrongListed(client, plan),
      ...judgeRuns(plan, runs),
      ...(await judgeEvents(client, plan)),
      ranAgain: (await runsOf(plan)).length - runs.length,
      wrongReplayed: second.wrong + (plan.items - second.replayed),
      elapsedMs: first.elapsedMs,
      replayMs: second.elapsedMs,
    };
  } finally {
    await server[Symbol.asyncDispose]();
  }
}

function startBatchServer({ dataDir }: BatchKillPlan, port = 0): Promise<ServerProcess> {
  return startServerProcess({ dataDir, port, callers: "batch" });
}

function* itemsOf({ items }: BatchKillPlan): Generator<BatchItem, void, undefined> {
  for (let n = 0; n < items; n++) yield itemOf(n);
}

function itemOf(n: number): BatchItem {
  const item = { id: String(n), payload: String(n), idempotencyKey: `key-${String(n)}` };
  if (publishes(n)) return { ...item, operation: "event.publish", attributes: { type: "work", stream: STREAM } };
  return isOrdered(n) ? { ...item, orderingKey: laneOf(n) } : item;
}

function publishes(n: number): boolean {
  return n % 10 >= 5;
}

function isOrdered(n: number): boolean {
  return n % 10 === 1 || n % 10 === 2;
}

function laneOf(n: number): string {
  return `lane-${String(n % LANES)}`;
}

function fails(n: number): boolean {
  return n % 10 === 0;
}

interface Told {
  readonly failed: number;
  readonly wrong: number;
  readonly replayed: number;
  readonly elapsedMs: number;
}

async function runAll(
  client: StreamingClient,
  plan: BatchKillPlan,
  batchId: string,
  onTold: (count: number) => void,
): Promise<Told> {
  const times = new Uint8Array(plan.items);
  let [count, wrong] = [0, 0];
  const onResult = (result: BatchItemResult): void => {
    times[result.index] = (times[result.index] ?? 0) + 1;
    if (!isRight(result)) wrong++;
    onTold(++count);
  };
  const startedAt = performance.now();
  const { maxConcurrency } = plan;
  const processing = client.batch.process(itemsOf(plan), { operation: "work", batchId, maxConcurrency, onResult });
  const { failed, replayed } = await within(processing, `batch ${batchId}`, LONG_MS);
  wrong += times.reduce((sum, each) => sum + (each === 1 ? 0 : 1), 0);
  return { failed, replayed, wrong, elapsedMs: Math.round(performance.now() - startedAt) };
}

function isRight({ index, id, outcome, error }: Omit<BatchItemResult, "item">): boolean {
  if (id !== String(index)) return false;
  if (!fails(index)) return outcome === "succeeded";
  return outcome === "failed" && error?.message === `item ${id} never succeeds`;
}

async function wrongListed(client: StreamingClient, { items }: BatchKillPlan): Promise<number> {
  let [next, wrong] = [0, 0];
  for await (const result of client.batch.results("first", { pageSize: 1000 })) {
    if (result.index !== next++ || !isRight(result)) wrong++;
  }
  const { state, processed, failed } = await client.batch.get("first");
  return wrong + (items - next) + (state === "done" && processed === items && failed === Math.ceil(items / 10) ? 0 : 1);
}

async function runsOf({ dataDir }: BatchKillPlan): Promise<readonly number[]> {
  const text = await readFile(join(dataDir, "work.txt"), "utf8");
  return text.trimEnd().split("\n").map(Number);
}

function judgeRuns(
  { items }: BatchKillPlan,
  runs: readonly number[],
): Pick<BatchKillReport, "notRun" | "unordered" | "cutOff"> {
  const times = new Map<number, number>();
  const newest = new Map<string, number>();
  let unordered = 0;
  for (const n of runs) {
    times.set(n, (times.get(n) ?? 0) + 1);
    if (!isOrdered(n)) continue;
    if (n < (newest.get(laneOf(n)) ?? -1)) unordered++;
    newest.set(laneOf(n), n);
  }
  let [notRun, cutOff] = [0, 0];
  for (let n = 0; n < items; n++) {
    if (publishes(n) || fails(n)) continue;
    const count = times.get(n) ?? 0;
    if (count === 0) notRun++;
    else cutOff += count - 1;
  }
  return { notRun, unordered, cutOff };
}

async function judgeEvents(
  client: StreamingClient,
  { items }: BatchKillPlan,
): Promise<Pick<BatchKillReport, "missingEvents" | "duplicateEvents">> {
  const seen = new Set<number>();
  let duplicateEvents = 0;
  for await (const event of client.events.read({ streams: [STREAM] })) {
    const n = Number(event.text());
    if (seen.has(n)) duplicateEvents++;
    seen.add(n);
  }
  let missingEvents = 0;
  for (let n = 0; n < items; n++) if (publishes(n) && !seen.delete(n)) missingEvents++;
  return { missingEvents, duplicateEvents: duplicateEvents + seen.size };
}

/** Whether all is as it must be. What was cut off is bounded by what can be under way when a kill comes. */
export function batchHolds(report: BatchKillReport): boolean {
  const { wrongTold, wrongListed: listed, notRun, unordered, missingEvents, duplicateEvents } = report;
  const { ranAgain, wrongReplayed, failed, items, kills, cutOff } = report;
  const faults = wrongTold + listed + notRun + unordered + missingEvents + duplicateEvents + ranAgain + wrongReplayed;
  return faults === 0 && failed === Math.ceil(items / 10) && cutOff <= kills * 2048;
}
