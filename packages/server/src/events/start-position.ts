import { invalidField, msOfTimestamp, ServiceError, StartPosition, type WatchRequest } from "@millrace/shared-types";

import type { LogRange } from "../ports/event-log.js";

import type { EventsDeps } from "./events-deps.js";
import type { Positions } from "./positions.js";

/** A moment may lie this much in the future: clocks differ. */
const MAX_CLOCK_SKEW_MS = 60_000;

/**
 * The sequence after which a reader begins. Without a `start` it is the newest one that readers can have.
 *
 * @param path of the request's fields, such as `watch.`
 * @throws ServiceError `INVALID_FIELD`, `INVALID_CURSOR`, `EPOCH_CHANGED`, `COMPACTED` or `FUTURE_POSITION`
 */
export async function startOf(
  start: WatchRequest["start"],
  path: string,
  deps: Pick<EventsDeps, "log" | "feed" | "positions" | "clock">,
): Promise<number> {
  switch (start?.$case) {
    case undefined:
      return deps.feed.lastSequence;
    case "resumeToken":
      return retained(deps.positions.sequenceOf(start.value), deps);
    case "startSequence":
      if (start.value < 1) throw invalidField(`${path}start_sequence`, `is ${String(start.value)}, must be at least 1`);
      return retained(start.value - 1, deps);
    case "startTime":
      return startOfTime(start.value, `${path}start_time`, deps);
    case "startPosition":
      return startOfName(start.value, `${path}start_position`, deps);
  }
}

/** OUT_OF_RANGE: what comes after a position is not all there any more. Says where the log begins now. */
export function compacted(firstSequence: number, positions: Positions): ServiceError {
  const metadata = { first_sequence: firstSequence, resume_token: positions.tokenAfter(firstSequence - 1) };
  return new ServiceError("COMPACTED", `the log begins at ${String(firstSequence)}`, { metadata });
}

/** @throws ServiceError `COMPACTED` or `FUTURE_POSITION` if it is not possible to read after `position` */
async function retained(position: number, { log, positions }: Pick<EventsDeps, "log" | "positions">): Promise<number> {
  const range = await log.range();
  if (position < range.firstSequence - 1) throw compacted(range.firstSequence, positions);
  if (position > range.lastSequence) throw futurePosition(range);
  return position;
}

async function startOfTime(
  time: Parameters<typeof msOfTimestamp>[0],
  field: string,
  { log, clock }: Pick<EventsDeps, "log" | "clock">,
): Promise<number> {
  const timeMs = timeOf(time, field);
  if (timeMs > clock.now() + MAX_CLOCK_SKEW_MS) throw futurePosition(await log.range());
  return (await log.sequenceAt(timeMs)) - 1;
}

function timeOf(time: Parameters<typeof msOfTimestamp>[0], field: string): number {
  try {
    return msOfTimestamp(time);
  } catch (cause) {
    throw invalidField(field, (cause as RangeError).message);
  }
}

async function startOfName(
  name: StartPosition,
  field: string,
  { log, feed }: Pick<EventsDeps, "log" | "feed">,
): Promise<number> {
  switch (name) {
    case StartPosition.UNSPECIFIED:
    case StartPosition.END:
      return feed.lastSequence;
    case StartPosition.BEGINNING:
      return (await log.range()).firstSequence - 1;
    default:
      throw invalidField(field, `is ${String(name)}, which is no position`);
  }
}

function futurePosition({ lastSequence }: LogRange): ServiceError {
  return new ServiceError("FUTURE_POSITION", `the newest event is ${String(lastSequence)}`, {
    metadata: { last_sequence: lastSequence },
  });
}
