import { DEFAULT_LIMITS, MAX_PUBLISH_BYTES } from "@millrace/shared-types";

import { checkedNumber, type NumberRanges, resolveNumbers } from "../rpc/number-options.js";

import type { EventsLimits } from "./events-deps.js";

const KIB = 1024;
const MIB = KIB * KIB;

type Retained = Pick<EventsLimits, "maxAgeMs" | "maxEvents" | "maxBytes">;

const RANGES: NumberRanges<Partial<Omit<EventsLimits, keyof Retained>>> = {
  maxEventBytes: { default: DEFAULT_LIMITS.maxEventBytes, min: KIB, max: MAX_PUBLISH_BYTES },
  maxFilterChars: { default: DEFAULT_LIMITS.maxFilterChars, min: 1, max: 64 * KIB },
  tailBytes: { default: 16 * MIB, min: MIB, max: KIB * MIB },
  maxLingerMs: { default: 5, min: 0, max: 1000 },
};

/** Everything is kept, unless something else is said. */
const RETENTION = { min: 1, max: Number.MAX_SAFE_INTEGER };

/**
 * Limits with defaults for what is left out.
 *
 * @throws {OptionError} naming the one that is unknown or out of range
 */
export function resolveEventsLimits(group: string, given: Partial<EventsLimits> = {}): EventsLimits {
  const { maxAgeMs = Infinity, maxEvents = Infinity, maxBytes = Infinity, ...rest } = given;
  const retained: Retained = { maxAgeMs, maxEvents, maxBytes };
  for (const [name, value] of Object.entries(retained)) {
    if (value !== Infinity) checkedNumber(`${group}.${name}`, value, { ...RETENTION, default: 0 });
  }
  return { ...resolveNumbers(group, rest, RANGES), ...retained };
}
