import { type CelType, type CelUint, type CelValue, isCelType, isCelUint } from "@bufbuild/cel";

/** A moment or a span of time, in the form in which `@bufbuild/cel` takes it. */
export interface TimeValue {
  readonly $typeName: "google.protobuf.Timestamp" | "google.protobuf.Duration";
  readonly seconds: bigint;
  readonly nanos: number;
}

/** A map's key. Numbers are of one kind here, as CEL compares them: 1, 1u and 1.0 are the same key. */
export type MapKey = string | boolean | bigint;

/** A value of CEL: `bigint` is an int, `number` a double. */
export type Value =
  | null
  | boolean
  | bigint
  | CelUint
  | number
  | string
  | Uint8Array
  | readonly Value[]
  | ReadonlyMap<MapKey, Value>
  | TimeValue
  | CelType;

/** Outcome of an expression that failed on the event: a field is missing, types do not fit, a number is out of range. */
export const FAILED = undefined;

export type Outcome = Value | typeof FAILED;

export function isList(value: Outcome): value is readonly Value[] {
  return Array.isArray(value);
}

export function isMap(value: Outcome): value is ReadonlyMap<MapKey, Value> {
  return value instanceof Map;
}

export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

export function isTime(value: unknown): value is TimeValue {
  return typeof value === "object" && value !== null && "seconds" in value && "nanos" in value;
}

/** The number that `value` is, without its kind; `undefined` if it is none. */
export function numberOf(value: Outcome): bigint | number | undefined {
  if (typeof value === "bigint" || typeof value === "number") return value;
  return isCelUint(value) ? value.value : undefined;
}

/** The key that `value` is in a map; `undefined` if it can be none. */
export function mapKeyOf(value: Outcome): MapKey | undefined {
  if (typeof value === "string" || typeof value === "boolean") return value;
  const number = numberOf(value);
  if (typeof number === "number") return Number.isInteger(number) ? BigInt(number) : undefined;
  return number;
}

/** What a function of `@bufbuild/cel` gives; none of those we call gives a list or a map. */
export function fromCel(value: CelValue): Outcome {
  if (typeof value !== "object" || value === null || isBytes(value) || isCelUint(value) || isCelType(value))
    return value;
  return "message" in value && isTime(value.message) ? value.message : FAILED;
}
