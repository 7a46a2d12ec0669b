import { invalidField, msOfTimestamp, type QueryValue, timestampOfMs } from "@millrace/shared-types";

import type { QueryScalar } from "../ports/query-engine.js";
import type { QueryColumnType } from "../ports/query-tables.js";

type Kind = NonNullable<QueryValue["kind"]>;

/** As the tables have them, from year 1 on. */
const TIMESTAMP = /^(?!0000)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

const NULL: QueryValue = { kind: undefined };

/** A parameter as statements take it. @throws ServiceError `INVALID_FIELD` about `field` */
export function toScalar({ kind }: QueryValue, field: string): QueryScalar {
  switch (kind?.$case) {
    case "boolValue":
      return kind.value ? 1n : 0n;
    case "intValue":
      return BigInt(kind.value);
    case "timestampValue":
      return timestampText(kind.value, field);
    case "doubleValue":
    case "stringValue":
    case "bytesValue":
    case "jsonValue":
      return kind.value;
    case undefined:
      return null;
  }
}

/**
 * A value of a result as callers get it: as its column says if it is that, else as what it is. A column can have
 * others: of a UNION, SQLite tells the types of the first part.
 */
export function toQueryValue(scalar: QueryScalar, type: QueryColumnType): QueryValue {
  return scalar === null ? NULL : { kind: typedKind(scalar, type) ?? plainKind(scalar) };
}

function typedKind(scalar: Exclude<QueryScalar, null>, type: QueryColumnType): Kind | undefined {
  if (isBool(scalar, type)) return { $case: "boolValue", value: scalar === 1n };
  if (isJson(scalar, type)) return { $case: "jsonValue", value: scalar };
  if (type !== "timestamp" || typeof scalar !== "string" || !TIMESTAMP.test(scalar)) return undefined;
  const ms = Date.parse(scalar);
  return Number.isNaN(ms) ? undefined : { $case: "timestampValue", value: timestampOfMs(ms) };
}

/** Whether the value of a column is a truth value. */
export function isBool(scalar: QueryScalar, type: QueryColumnType): scalar is 0n | 1n {
  return type === "bool" && (scalar === 0n || scalar === 1n);
}

/** Whether the value of a column is JSON, and can be put where JSON is expected. */
export function isJson(scalar: QueryScalar, type: QueryColumnType): scalar is string {
  if (type !== "json" || typeof scalar !== "string") return false;
  try {
    JSON.parse(scalar);
    return true;
  } catch {
    return false;
  }
}

function plainKind(scalar: Exclude<QueryScalar, null>): Kind {
  switch (typeof scalar) {
    case "bigint":
      return { $case: "intValue", value: String(scalar) };
    case "number":
      return { $case: "doubleValue", value: scalar };
    case "string":
      return { $case: "stringValue", value: scalar };
    default:
      return { $case: "bytesValue", value: scalar };
  }
}

function timestampText(timestamp: Parameters<typeof msOfTimestamp>[0], field: string): string {
  try {
    return new Date(msOfTimestamp(timestamp)).toISOString();
  } catch (cause) {
    throw invalidField(field, (cause as RangeError).message);
  }
}
