import type { Retention } from "../ports/event-log.js";
import { Rounds } from "../upkeep/rounds.js";

import type { EventsDeps, EventsLimits } from "./events-deps.js";

/** How far the log may be beyond its limits, in time. */
const PERIOD_MS = 10_000;

type RetentionDeps = Pick<EventsDeps, "log" | "clock" | "limits" | "logger">;

/**
 * Removes the oldest events while there is more than the limits let stay, for as long as the server runs. Begins now;
 * does nothing if nothing is limited.
 */
export function retentionUpkeep(deps: RetentionDeps): Rounds {
  const { clock, logger, limits } = deps;
  const what = "removing old events";
  const rounds = new Rounds({ clock, logger, periodMs: PERIOD_MS, what }, (stopped) => trimLog(deps, stopped));
  const { maxAgeMs, maxEvents, maxBytes } = limits;
  if (Math.min(maxAgeMs, maxEvents, maxBytes) < Infinity) rounds.start();
  return rounds;
}

/** In small steps, between which appends and reads get their turn. */
async function trimLog({ log, clock, limits }: RetentionDeps, stopped: () => boolean): Promise<void> {
  const retention = retentionOf(limits, clock.now());
  while (!stopped() && (await log.trim(retention)) > 0);
}

function retentionOf({ maxAgeMs, maxEvents, maxBytes }: EventsLimits, nowMs: number): Retention {
  return {
    ...(maxAgeMs < Infinity && { storedBeforeMs: nowMs - maxAgeMs }),
    ...(maxEvents < Infinity && { maxEvents }),
    ...(maxBytes < Infinity && { maxBytes }),
  };
}
