import type { Apply } from "./combinators.js";
import { libraryCall } from "./library-call.js";
import { isTime } from "./values.js";

const DAY_MS = 86_400_000;

/**
 * The parts of moments, in UTC. Not the library's: they go wrong where the server's own time zone skips an hour
 * (@bufbuild/cel 0.6.1, time.js, `convertToDate`). Spans of time, which have some of them too, are left to it.
 */
const PARTS: Readonly<Record<string, (date: Date) => number>> = {
  getFullYear: (date) => date.getUTCFullYear(),
  getMonth: (date) => date.getUTCMonth(),
  getDate: (date) => date.getUTCDate(),
  getDayOfMonth: (date) => date.getUTCDate() - 1,
  getDayOfWeek: (date) => date.getUTCDay(),
  getDayOfYear: (date) => Math.floor((date.getTime() - new Date(date).setUTCMonth(0, 1)) / DAY_MS),
  getHours: (date) => date.getUTCHours(),
  getMinutes: (date) => date.getUTCMinutes(),
  getSeconds: (date) => date.getUTCSeconds(),
  getMilliseconds: (date) => date.getUTCMilliseconds(),
};

/** The functions of times, by name. */
export const TIME_PARTS: readonly (readonly [name: string, apply: Apply])[] = Object.entries(PARTS).map(
  ([name, partOf]) => [name, timePart(partOf, libraryCall(`a.${name}()`))],
);

function timePart(partOf: (date: Date) => number, ofSpan: Apply): Apply {
  return (run, time, none) => {
    if (!isTime(time) || time.$typeName !== "google.protobuf.Timestamp") return ofSpan(run, time, none);
    const { seconds, nanos } = time;
    return BigInt(partOf(new Date(Number(seconds) * 1000 + Math.floor(nanos / 1_000_000))));
  };
}
