import type { ValueSample } from "@millrace/client-sdk";

import { checkUnicode } from "./check-unicode.js";
import type { NumberedLine } from "./numbered-lines.js";

const MEMBERS: ReadonlySet<string> = new Set(["name", "value", "labels", "timestamp", "kind", "unit", "weight"]);
const KINDS: readonly unknown[] = ["gauge", "delta", "cumulative"];

/** What JSON has no numbers for. */
const TEXT_VALUES: readonly unknown[] = ["NaN", "Infinity", "-Infinity"];

/**
 * The sample of a line of NDJSON: an object with `name` and `value`.
 *
 * @throws {Error} saying what is wrong with it
 */
export function sampleOfLine({ text }: NumberedLine): ValueSample {
  const line: unknown = JSON.parse(text);
  if (typeof line !== "object" || line === null || Array.isArray(line)) throw new Error("not an object");
  const members = line as Readonly<Record<string, unknown>>;
  const stray = Object.keys(members).find((name) => !MEMBERS.has(name));
  if (stray !== undefined) throw new Error(`unknown member ${JSON.stringify(stray)}`);
  const { name, labels, timestamp, kind, unit, weight } = members;
  if (typeof name !== "string") throw new Error('"name" is not a text');
  if (labels !== undefined && !isTexts(labels)) throw new Error('"labels" is not an object of texts');
  if (kind !== undefined && !KINDS.includes(kind)) throw new Error('"kind" is not gauge, delta or cumulative');
  if (unit !== undefined && typeof unit !== "string") throw new Error('"unit" is not a text');
  checkUnicode({ name, labels, unit });
  if (weight !== undefined && typeof weight !== "number") throw new Error('"weight" is not a number');
  return {
    name,
    value: valueOf(members["value"]),
    ...(labels !== undefined && { labels }),
    ...(timestamp !== undefined && { timestamp: momentOf(timestamp) }),
    ...(kind !== undefined && { kind: kind as NonNullable<ValueSample["kind"]> }),
    ...(unit !== undefined && { unit }),
    ...(weight !== undefined && { weight }),
  };
}

function valueOf(value: unknown): number {
  if (typeof value === "number") return value;
  if (TEXT_VALUES.includes(value)) return Number(value);
  throw new Error('"value" is not a number');
}

/** ISO 8601, or milliseconds since 1970. */
function momentOf(timestamp: unknown): Date {
  const date = new Date(typeof timestamp === "number" || typeof timestamp === "string" ? timestamp : Number.NaN);
  if (Number.isNaN(date.getTime())) throw new Error('"timestamp" is neither a date nor milliseconds since 1970');
  return date;
}

function isTexts(value: unknown): value is Record<string, string> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((each) => typeof each === "string");
}
