import {
  QueryFormat,
  type QueryResponse,
  QueryResponse as QueryResponseMessage,
  QueryType,
  ServiceError,
} from "@millrace/shared-types";

import type { QueryBatch, QueryScalar } from "../ports/query-engine.js";
import type { QueryColumnType, QueryTableColumn } from "../ports/query-tables.js";

import { isBool, isJson, toQueryValue } from "./query-value.js";

/** A row as text, in bytes: what does not fit into a message cannot be sent. */
const MAX_ROW_TEXT_BYTES = 3.5 * 1024 * 1024;

const NOTHING: QueryResponse = QueryResponseMessage.fromPartial({});

const TYPES: Readonly<Record<QueryColumnType, QueryType>> = {
  any: QueryType.UNSPECIFIED,
  bool: QueryType.BOOL,
  int: QueryType.INT,
  double: QueryType.DOUBLE,
  string: QueryType.STRING,
  bytes: QueryType.BYTES,
  timestamp: QueryType.TIMESTAMP,
  json: QueryType.JSON,
};

/** Columns as callers are told of them. */
export function toWireColumns(columns: readonly QueryTableColumn[]): { name: string; type: QueryType }[] {
  return columns.map(({ name, type }) => ({ name, type: TYPES[type] }));
}

/** Fields of an answer that has these; the others are not set. */
export function responseWith(fields: Partial<QueryResponse>): QueryResponse {
  return { ...NOTHING, ...fields };
}

/** The rows of a batch, in the form that was asked for. */
export function* rowResponses(
  { rows }: QueryBatch,
  columns: readonly QueryTableColumn[],
  format: QueryFormat,
): Generator<QueryResponse, void, undefined> {
  if (rows.length === 0) return;
  switch (format) {
    case QueryFormat.TYPED:
      return yield responseWith({ rows: { rows: rows.map((row) => ({ values: typedValues(row, columns) })) } });
    case QueryFormat.JSON_ROWS:
      return yield* jsonRows(rows, columns);
    default:
      for (const row of rows) yield responseWith({ data: jsonObject(row, columns) });
  }
}

function typedValues(row: readonly QueryScalar[], columns: readonly QueryTableColumn[]) {
  return row.map((value, index) => toQueryValue(value, columns[index]?.type ?? "any"));
}

/** As text rows may be larger: then there are more messages. */
function* jsonRows(
  rows: readonly (readonly QueryScalar[])[],
  columns: readonly QueryTableColumn[],
): Generator<QueryResponse, void, undefined> {
  let lines: Buffer[] = [];
  let bytes = 0;
  for (const row of rows) {
    const values = row.map((value, index) => jsonValue(value, columns[index]?.type ?? "any"));
    const line = Buffer.from(`${checkedRow(`[${values.join()}]`)}\n`);
    if (bytes + line.length > MAX_ROW_TEXT_BYTES) {
      yield responseWith({ jsonRows: Buffer.concat(lines) });
      [lines, bytes] = [[], 0];
    }
    lines.push(line);
    bytes += line.length;
  }
  yield responseWith({ jsonRows: Buffer.concat(lines) });
}

function jsonObject(row: readonly QueryScalar[], columns: readonly QueryTableColumn[]): string {
  const members = columns.map(
    ({ name, type }, index) => `${JSON.stringify(name)}:${jsonValue(row[index] ?? null, type)}`,
  );
  return checkedRow(`{${members.join()}}`);
}

/** Integers above 2^53, bytes (in base64) and infinity are strings: as in the JSON form of protobuf. */
function jsonValue(value: QueryScalar, type: QueryColumnType): string {
  if (value === null) return "null";
  if (isBool(value, type)) return String(value === 1n);
  if (isJson(value, type)) return value.replaceAll(/[\r\n]+/g, " "); // line ends can only be between its parts
  if (typeof value === "bigint") return jsonInteger(value);
  if (typeof value === "number") return Number.isFinite(value) ? JSON.stringify(value) : `"${String(value)}"`;
  if (typeof value === "string") return JSON.stringify(value);
  return `"${Buffer.from(value.buffer, value.byteOffset, value.length).toString("base64")}"`;
}

function jsonInteger(value: bigint): string {
  return BigInt.asIntN(54, value) === value ? String(value) : `"${String(value)}"`;
}

function checkedRow(text: string): string {
  if (Buffer.byteLength(text) <= MAX_ROW_TEXT_BYTES) return text;
  throw new ServiceError("QUERY_LIMIT", `a row is larger than ${String(MAX_ROW_TEXT_BYTES)} bytes as text`);
}
