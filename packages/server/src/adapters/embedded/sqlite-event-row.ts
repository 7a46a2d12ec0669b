/** Stored events as records. Runs in the workers of a SqliteEventLog: imports only node: modules and what does so too. */
import type { DatabaseSync } from "node:sqlite";

import type { EventRecord, RecordWriter } from "./sqlite-event-record.js";

/** Beginning of a statement that reads events, to go on with a condition. Joined in a way that a lost name shows. */
export const SELECT_EVENTS = `
  SELECT e.sequence, e.revision, e.append_start, e.append_end, e.stored_at_ms, e.tombstone, e.checksum,
    s.name, e.id, t.name, e.key, e.head, e.payload
  FROM events AS e NOT INDEXED
  LEFT JOIN streams AS s ON s.stream_id = e.stream_id
  LEFT JOIN types AS t ON t.type_id = e.type_id
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
  stream: string | null,
  id: string,
  type: string | null,
  key: string | null,
  head: Uint8Array,
  payload: Uint8Array,
];

/** An event is not what was written. */
export class DamagedEvent extends Error {
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
export function addRow(records: RecordWriter, row: EventRow): EventRecord {
  const [sequence, revision, appendStart, appendEnd, storedAtMs, tombstone, checksum, ...content] = row;
  const [stream, id, type, key, head, payload] = content;
  const before = records.length;
  const record = records.add(
    { stream: stream ?? "", id, type: type ?? "", key: key ?? "", tombstone: tombstone !== 0, head, payload },
    { sequence, revision, appendStart, appendEnd, storedAtMs },
  );
  if (record.checksum() === checksum) return record;
  records.cut(before);
  throw new DamagedEvent(sequence);
}
