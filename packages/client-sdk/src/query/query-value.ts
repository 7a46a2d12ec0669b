import {
  QueryType,
  type QueryColumn as WireColumn,
  type QueryValue,
  toDate,
  toTimestamp,
} from "@millrace/shared-types";

import { checkText } from "../check-text.js";
import type { JsonValue, QueryCell, QueryColumn, QueryColumnType, QueryParameter } from "./types.js";

type Kind = QueryValue["kind"];

/** A parameter on the wire. @throws {TypeError} if a statement can have no such value */
export function toQueryValue(parameter: QueryParameter, index: number): QueryValue {
  return { kind: kindOf(parameter, index) };
}

function kindOf(value: QueryParameter, index: number): Kind {
  if (value === null) return undefined;
  switch (typeof value) {
    case "boolean":
      return { $case: "boolValue", value };
    case "string":
      checkText(`params[${String(index)}]`, value);
      return { $case: "stringValue", value };
    case "bigint":
      if (BigInt.asIntN(64, value) !== value) throw new RangeError(`params[${String(index)}] has more than 64 bits`);
      return { $case: "intValue", value: String(value) };
    case "number":
      return Number.isSafeInteger(value) && !Object.is(value, -0)
        ? { $case: "intValue", value: String(value) }
        : { $case: "doubleValue", value };
    default:
      if (value instanceof Uint8Array) return { $case: "bytesValue", value };
      if (value instanceof Date) return { $case: "timestampValue", value: toTimestamp(value) };
      throw new TypeError(`params[${String(index)}] is no value that a statement can have`);
  }
}

/** A value of a result. */
export function toCell({ kind }: QueryValue): QueryCell {
  switch (kind?.$case) {
    case "intValue":
      return toInteger(kind.value);
    case "timestampValue":
      return toDate(kind.value);
    case "jsonValue":
      return JSON.parse(kind.value) as JsonValue;
    case "boolValue":
    case "doubleValue":
    case "stringValue":
    case "bytesValue":
      return kind.value;
    default:
      return null;
  }
}

const TYPES: ReadonlyMap<QueryType, QueryColumnType> = new Map<QueryType, QueryColumnType>([
  [QueryType.BOOL, "bool"],
  [QueryType.INT, "int"],
  [QueryType.DOUBLE, "double"],
  [QueryType.STRING, "string"],
  [QueryType.BYTES, "bytes"],
  [QueryType.TIMESTAMP, "timestamp"],
  [QueryType.JSON, "json"],
]);

export function toColumns(columns: readonly WireColumn[]): readonly QueryColumn[] {
  return columns.map(({ name, type }) => ({ name, type: TYPES.get(type) ?? "any" }));
}

function toInteger(text: string): number | bigint {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}
