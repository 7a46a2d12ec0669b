/** What the views of queries compute of stored rows. Imports only node: modules and what does so too. */
import { isUtf8 } from "node:buffer";
import type { DatabaseSync } from "node:sqlite";

import type { QueryScope } from "../../ports/query-engine.js";

import { protoMapJson, protoText, protoTimeMs } from "./proto-fields.js";
import { RecordWriter } from "./sqlite-event-record-writer.js";
import { addNamedRow, type EventRow } from "./sqlite-event-row.js";
import { RowRecord } from "./sqlite-item-record.js";
import { QueryError } from "./sqlite-query-failure.js";

/** Functions of views have names that begin so; no statement can call them. */
export const FUNCTION_PREFIX = "millrace_";

/** Fields of the messages that are stored in heads and payloads, as in the proto files. */
const ITEM = { contentType: 7, attributes: 8, name: 10 } as const;
const EVENT = { timestamp: 4, attributes: 9, contentType: 12, source: 13 } as const;
const CHAT = { userId: 1, content: 3, targetMessageId: 9, metadata: 10, contentType: 11 } as const;

/** Farthest moment of a Date, in milliseconds from 1970. */
const MAX_DATE_MS = 8.64e15;
const TIME_LENGTH = "2026-11-20T12:30:00.000Z".length;

/** Makes the functions. `scopeOf` says for whom the present statement runs. */
export function defineFunctions(database: DatabaseSync, scopeOf: () => QueryScope): void {
  const define = (name: string, compute: (...values: never[]) => null | number | string | Uint8Array): void => {
    database.function(FUNCTION_PREFIX + name, { deterministic: true, varargs: true }, compute as never);
  };
  define("caller", () => scopeOf().callerId);
  define("may_chat", () => (scopeOf().mayChat ? 1 : 0));
  define("now_ms", () => scopeOf().nowMs);

  define("time", (ms: number | null) => (ms === null ? null : timeText(ms)));
  define("json", (content: Uint8Array) => jsonText(content));

  define("item_name", (record: Uint8Array) => protoText(itemHead(record), ITEM.name));
  define("item_content_type", (record: Uint8Array) => protoText(itemHead(record), ITEM.contentType));
  define("item_attributes", (record: Uint8Array) => protoMapJson(itemHead(record), ITEM.attributes));
  define("item_data", (record: Uint8Array, data: Uint8Array) => itemData(record, data));

  define("event_time", (head: Uint8Array, storedMs: number) =>
    timeText(protoTimeMs(head, EVENT.timestamp) ?? storedMs),
  );
  define("event_content_type", (head: Uint8Array) => protoText(head, EVENT.contentType));
  define("event_source", (head: Uint8Array) => protoText(head, EVENT.source));
  define("event_attributes", (head: Uint8Array) => protoMapJson(head, EVENT.attributes));
  define("event_payload", (stream: string, type: string, ...row: EventRow) => eventPayload(row, stream, type));

  define("chat_user", (payload: Uint8Array) => protoText(payload, CHAT.userId));
  define("chat_target", (payload: Uint8Array) => protoText(payload, CHAT.targetMessageId));
  define("chat_content", (payload: Uint8Array) => protoText(payload, CHAT.content));
  define("chat_content_type", (payload: Uint8Array) => protoText(payload, CHAT.contentType));
  define("chat_metadata", (payload: Uint8Array) => protoMapJson(payload, CHAT.metadata));
}

/** As texts sort, so do the times; `null` outside of the years 0 to 9999. */
function timeText(ms: number): string | null {
  if (!(Math.abs(ms) <= MAX_DATE_MS)) return null;
  const text = new Date(ms).toISOString();
  return text.length === TIME_LENGTH ? text : null;
}

/** The content as JSON on one line, if it is JSON. */
function jsonText(content: Uint8Array): string | null {
  if (content.length === 0 || !isUtf8(content)) return null;
  const text = Buffer.from(content.buffer, content.byteOffset, content.length).toString();
  try {
    JSON.parse(text);
  } catch {
    return null;
  }
  return text.trim().replaceAll(/[\r\n]+/g, " "); // line ends can only be between its parts
}

function itemHead(bytes: Uint8Array): Uint8Array {
  return recordOf(bytes).cutData().row().head;
}

function itemData(bytes: Uint8Array, data: Uint8Array): Uint8Array {
  const whole = Buffer.concat([bytes, data]);
  const record = recordOf(whole);
  if (record.data.length !== data.length || !record.isDataWhole) throw damaged("item", record.version);
  return data;
}

function recordOf(bytes: Uint8Array): RowRecord {
  const record = new RowRecord(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), 0);
  if (!record.isWhole) throw damaged("item", record.version);
  return record;
}

function eventPayload(row: EventRow, stream: string, type: string): Uint8Array {
  try {
    addNamedRow(new RecordWriter(1024 + row[11].length + row[12].length), row, stream, type);
  } catch {
    throw damaged("event", row[0]);
  }
  return row[12];
}

function damaged(what: string, position: number): QueryError {
  return new QueryError("CORRUPT_DATA", `the stored ${what} of version ${String(position)} is damaged`);
}
