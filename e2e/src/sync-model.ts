import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { within } from "@millrace/client-sdk/testing";
import { embeddedSyncStores, memorySyncStores, type SyncStores } from "@millrace/server/testing";
import fc from "fast-check";

import { anyHistory, type History } from "./sync-model/history.js";
import { ModelClock } from "./sync-model/model-clock.js";
import { playHistory } from "./sync-model/play-history.js";

/** A history takes milliseconds; one that takes so long hangs. */
const MAX_HISTORY_MS = 20_000;

export interface SyncModelPlan {
  readonly histories: number;
  /** One history in so many is played on the server's disk. */
  readonly onDiskEvery: number;
  readonly seed: number;
  readonly onProgress?: (played: number) => void;
}

/** What was played. */
export interface SyncModelReport {
  readonly histories: number;
  readonly onDisk: number;
  readonly byPolicy: Readonly<Record<string, number>>;
}

/**
 * Plays random histories of replicas that go offline, crash, and have wrong clocks, around a server that is restarted.
 *
 * @throws with the smallest history that was found to go wrong
 */
export async function playHistories(plan: SyncModelPlan): Promise<SyncModelReport> {
  const report = { histories: 0, onDisk: 0, byPolicy: {} as Record<string, number> };
  const property = fc.asyncProperty(anyHistory, async (history) => {
    report.histories += 1;
    report.byPolicy[history.policy] = (report.byPolicy[history.policy] ?? 0) + 1;
    const isOnDisk = report.histories % plan.onDiskEvery === 0;
    if (isOnDisk) report.onDisk += 1;
    const problems = await within(isOnDisk ? playOnDisk(history) : playInMemory(history), "a history", MAX_HISTORY_MS);
    if (problems.length > 0) throw new Error(problems.join("\n"));
    if (report.histories % 500 === 0) plan.onProgress?.(report.histories);
  });
  await fc.assert(property, { numRuns: plan.histories, seed: plan.seed, endOnFailure: false });
  return report;
}

async function playInMemory(history: History): Promise<readonly string[]> {
  const clock = new ModelClock(Date.UTC(2026, 0, 1));
  await using stores = memorySyncStores(clock);
  return await playHistory(history, stores, clock);
}

/** There deletions are not forgotten: the store has a clock of its own. */
async function playOnDisk(history: History): Promise<readonly string[]> {
  const path = await mkdtemp(join(tmpdir(), "millrace-sync-"));
  try {
    await using stores: SyncStores = await embeddedSyncStores(path);
    return await playHistory({ ...history, forgets: false }, stores, new ModelClock(Date.now()));
  } finally {
    await rm(path, { recursive: true });
  }
}
