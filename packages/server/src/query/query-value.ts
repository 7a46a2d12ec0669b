import { invalidField, msOfTimestamp, type QueryValue, timestampOfMs } from "@millrace/shared-types";

import type { QueryScalar } from "../ports/query-engine.js";
import type { QueryColumnType } from "../ports/query-tables.js";

type Kind = NonNullable<QueryValue["kind"]>;

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

/** A value of a result as callers get it: as its column says if it can be that, else as what it is. */
export function toQueryValue(scalar: QueryScalar, type: QueryColumnType): QueryValue {
  return scalar === null ? NULL : { kind: typedKind(scalar, type) ?? plainKind(scalar) };
}

function typedKind(scalar: Exclude<QueryScalar, null>, type: QueryColumnType): Kind | undefined {
  if (type === "bool" && typeof scalar === "bigint") return { $case: "boolValue", value: scalar !== 0n };
  if (typeof scalar !== "string") return undefined;
  if (type === "json") return { $case: "jsonValue", value: scalar };
  if (type === "timestamp") return { $case: "timestampValue", value: timestampOfMs(Date.parse(scalar)) };
  return undefined;
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
