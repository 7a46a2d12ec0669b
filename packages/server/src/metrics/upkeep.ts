import { Rounds } from "../upkeep/rounds.js";

import type { MetricsDeps } from "./metrics-deps.js";

/** Between two rounds, and before the first, in milliseconds: a server that starts has other things to do. */
const PERIOD_MS = 600_000;

type UpkeepDeps = Pick<MetricsDeps, "store" | "clock" | "limits" | "logger">;

/** Removes samples that are kept for long enough, for as long as the server runs. */
export function metricsUpkeep(deps: UpkeepDeps): Rounds {
  const { clock, logger } = deps;
  const what = "removing old samples";
  const rounds = new Rounds({ clock, logger, periodMs: PERIOD_MS, what }, (stopped) => sweep(deps, stopped));
  rounds.startIn(PERIOD_MS);
  return rounds;
}

/** One round, or what there is time for before `stopped`. */
async function sweep({ store, clock, limits }: UpkeepDeps, stopped: () => boolean): Promise<void> {
  const beforeMs = clock.now() - limits.retentionMs;
  while (!stopped() && (await store.sweep(beforeMs)) > 0);
}
