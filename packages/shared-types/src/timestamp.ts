import type { Duration } from "#gen/google/protobuf/duration.js";
import type { Timestamp } from "#gen/google/protobuf/timestamp.js";

/** 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z: the seconds that a Timestamp may hold. */
const MIN_TIMESTAMP_SECONDS = -62_135_596_800;
const MAX_TIMESTAMP_SECONDS = 253_402_300_799;

/** 10,000 years: the longest Duration. */
const MAX_DURATION_SECONDS = 315_576_000_000;

const NANOS_PER_MS = 1_000_000;
const NANOS_PER_SECOND = 1_000_000_000;

/**
 * Wire form of a moment.
 *
 * @throws {RangeError} if `date` is invalid or outside of the years 1 to 9999
 */
export function toTimestamp(date: Date): Timestamp {
  const ms = date.getTime();
  const seconds = Math.floor(ms / 1000);
  if (!(seconds >= MIN_TIMESTAMP_SECONDS && seconds <= MAX_TIMESTAMP_SECONDS)) {
    throw new RangeError(`not a date of the years 1 to 9999: ${ms} ms since 1970`);
  }
  return { seconds, nanos: (ms - seconds * 1000) * NANOS_PER_MS };
}

/** Wire form of a moment in milliseconds since 1970. See {@link toTimestamp}. */
export function timestampOfMs(ms: number): Timestamp {
  return toTimestamp(new Date(ms));
}

/**
 * The moment that came over the wire, cut to milliseconds (towards the past).
 *
 * @throws {RangeError} if it is outside of the years 1 to 9999 or its nanos are out of range
 */
export function toDate(timestamp: Timestamp): Date {
  return new Date(msOfTimestamp(timestamp));
}

/** Milliseconds since 1970 of a moment that came over the wire. See {@link toDate}. */
export function msOfTimestamp({ seconds, nanos }: Timestamp): number {
  if (!(seconds >= MIN_TIMESTAMP_SECONDS && seconds <= MAX_TIMESTAMP_SECONDS)) {
    throw new RangeError(`timestamp outside of the years 1 to 9999: ${seconds} s since 1970`);
  }
  if (!(nanos >= 0 && nanos < NANOS_PER_SECOND)) throw new RangeError(`nanos outside of one second: ${nanos}`);
  return seconds * 1000 + Math.floor(nanos / NANOS_PER_MS);
}

/**
 * Wire form of a span of time in milliseconds. Fractions of a millisecond are kept, to the nanosecond.
 *
 * @throws {RangeError} if `ms` is not finite or longer than 10,000 years
 */
export function durationOfMs(ms: number): Duration {
  const seconds = Math.trunc(ms / 1000) + 0;
  if (!(Math.abs(seconds) <= MAX_DURATION_SECONDS)) throw new RangeError(`not a duration: ${ms} ms`);
  const nanos = Math.round((ms - seconds * 1000) * NANOS_PER_MS) + 0;
  if (Math.abs(nanos) < NANOS_PER_SECOND) return { seconds, nanos };
  return { seconds: seconds + Math.sign(nanos), nanos: 0 };
}

/**
 * Milliseconds of a span of time that came over the wire, with fractions.
 *
 * @throws {RangeError} if it is longer than 10,000 years, its nanos are out of range, or the two disagree in sign
 */
export function msOfDuration({ seconds, nanos }: Duration): number {
  const valid = Math.abs(seconds) <= MAX_DURATION_SECONDS && Math.abs(nanos) < NANOS_PER_SECOND && seconds * nanos >= 0;
  if (!valid) throw new RangeError(`not a duration: ${seconds} s and ${nanos} ns`);
  return seconds * 1000 + nanos / NANOS_PER_MS;
}
