import { durationOfMs, type GapReason, type StreamControl, timestampOfMs } from "@millrace/shared-types";

import type { EventsDeps } from "./events-deps.js";
import type { SkippedPart } from "./feed.js";

/** Nothing new, and everything up to `position` has been sent. */
export function heartbeat(position: number, intervalMs: number, { clock, positions }: EventsDeps): StreamControl {
  const value = {
    serverTime: timestampOfMs(clock.now()),
    sequence: position,
    resumeToken: positions.tokenAfter(position),
    interval: durationOfMs(intervalMs),
  };
  return { kind: { $case: "heartbeat", value } };
}

/** All that there was has been sent; what follows is new. */
export function caughtUp(position: number, { clock, positions }: EventsDeps): StreamControl {
  const resumeToken = positions.tokenAfter(position);
  const value = { sequence: position, resumeToken, serverTime: timestampOfMs(clock.now()) };
  return { kind: { $case: "caughtUp", value } };
}

/** What follows is read from storage. */
export function fellBehind(position: number, lastSequence: number): StreamControl {
  return { kind: { $case: "fellBehind", value: { sequence: position, lastSequence } } };
}

/** Events were left out. */
export function gap({ fromSequence, toSequence, count = 0 }: SkippedPart, reason: GapReason): StreamControl {
  return { kind: { $case: "gap", value: { fromSequence, toSequence, droppedCount: count, reason } } };
}

/** The server ends the stream in `graceMs`. */
export function draining(position: number, graceMs: number, { positions }: EventsDeps): StreamControl {
  const value = { grace: durationOfMs(graceMs), resumeToken: positions.tokenAfter(position) };
  return { kind: { $case: "draining", value } };
}
