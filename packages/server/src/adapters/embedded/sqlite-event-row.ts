/** Stored events as records. Runs in the workers of a SqliteEventLog: imports only node: modules and what does so too. */
import type { DatabaseSync } from "node:sqlite";

import type { EventRecord } from "./sqlite-event-record.js";
import type { RecordWriter } from "./sqlite-event-record-writer.js";

/** Beginning of a statement that reads events, to go on with a condition. */
export const SELECT_EVENTS = `
  SELECT e.sequence, e.revision, e.append_start, e.append_end, e.stored_at_ms, e.tombstone, e.checksum,
    e.stream_id, e.id, e.type_id, e.key, e.head, e.payload
  FROM events AS e NOT INDEXED
  WHERE `;

/** What such a statement gives, as arrays. */
export type EventRow = readonly [
  sequence: number,
  revision: number,
  appendStart: number,
  appendEnd: number,
  storedAtMs: number,
  tombstone: number,
  checksum: number,
  streamId: number,
  id: string,
  typeId: number,
  key: string | null,
  head: Uint8Array,
  payload: Uint8Array,
];

/** Which of them are numbers. The names need not be known by number. */
const NUMBERS = [0, 1, 2, 3, 4, 5, 6];

/** Streams, and types, that are kept by number, at most: some MiB. */
const MAX_KEPT = 10_000;

/**
 * Names of streams and types by their numbers. They never change once they are committed, so whoever reads nothing
 * else keeps them; looking them up took a third of the time of a read.
 */
export class NamesByNumber {
  readonly streams: (id: number) => string;
  readonly types: (id: number) => string;
  /** The same as UTF-8. */
  readonly streamBytes: (id: number) => Buffer;
  readonly typeBytes: (id: number) => Buffer;

  /** @param keeps whether only what is committed will be looked up */
  constructor(database: DatabaseSync, { keeps }: { readonly keeps: boolean }) {
    const keep = keeps ? kept : <T>(find: T): T => find;
    this.streams = keep(nameLookup(database, "stream"));
    this.types = keep(nameLookup(database, "type"));
    this.streamBytes = keep((id: number) => Buffer.from(this.streams(id)));
    this.typeBytes = keep((id: number) => Buffer.from(this.types(id)));
  }
}

/** A name that is lost is empty, and the checksum of the event does not agree. */
function nameLookup(database: DatabaseSync, kind: "stream" | "type"): (id: number) => string {
  const statement = database.prepare(`SELECT name FROM ${kind}s WHERE ${kind}_id = ?`);
  return (id) => String(statement.get(id)?.["name"] ?? "");
}

/** Keeps what `find` has found, unless it is empty. */
function kept<T extends { readonly length: number }>(find: (id: number) => T): (id: number) => T {
  const found = new Map<number, T>();
  return (id) => {
    const known = found.get(id);
    if (known !== undefined) return known;
    const value = find(id);
    if (found.size >= MAX_KEPT) found.clear();
    if (value.length > 0) found.set(id, value);
    return value;
  };
}

/** What is stored is not what was written. */
export class DamagedLog extends Error {
  override readonly name: string = "DamagedLog";
}

/** An event is not what was written. */
export class DamagedEvent extends DamagedLog {
  override readonly name = "DamagedEvent";

  constructor(sequence: number) {
    super(`event ${String(sequence)} is damaged`);
  }
}

/** Prepares a statement that reads one event by its sequence. */
export function prepareRow(database: DatabaseSync): (sequence: number) => EventRow {
  const statement = database.prepare(`${SELECT_EVENTS} e.sequence = ?`);
  statement.setReturnArrays(true);
  return (sequence) => {
    const row = statement.get(sequence) as unknown as EventRow | undefined;
    if (row === undefined) throw new DamagedEvent(sequence); // an index knows it
    return row;
  };
}

/**
 * Adds a row to `records`.
 *
 * @throws {DamagedEvent} if its checksum is another; then nothing is added
 */
export function addRow(records: RecordWriter, row: EventRow, names: NamesByNumber): EventRecord {
  return addNamedRow(records, row, names.streams(row[7]), names.types(row[9]));
}

/** {@link addRow}, where the names are known: the row need not have their numbers. */
export function addNamedRow(records: RecordWriter, row: EventRow, stream: string, type: string): EventRecord {
  const [sequence, revision, appendStart, appendEnd, storedAtMs, tombstone, checksum] = row;
  const [, , , , , , , , id, , key, head, payload] = row;
  if (!hasItsTypes(row)) throw new DamagedEvent(sequence);
  const before = records.length;
  const record = records.add(
    { stream, id, type, key: key ?? "", tombstone: tombstone !== 0, head, payload },
    { sequence, revision, appendStart, appendEnd, storedAtMs },
  );
  if (record.checksum() === checksum) return record;
  records.cut(before);
  throw new DamagedEvent(sequence);
}

/** Where a bit has changed, columns may have other types than those that the table says. */
function hasItsTypes(row: EventRow): boolean {
  const [id, , key, head, payload] = row.slice(8);
  const hasTexts = typeof id === "string" && (key === null || typeof key === "string");
  const hasNumbers = NUMBERS.every((index) => typeof row[index] === "number");
  return hasTexts && hasNumbers && head instanceof Uint8Array && payload instanceof Uint8Array;
}
