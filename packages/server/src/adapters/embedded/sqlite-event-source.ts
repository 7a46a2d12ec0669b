/** How events are found in the database of a SqliteEventLog. Imports only node: modules and what does so too. */
import type { StatementSync } from "node:sqlite";

import { type PackedQuery, packedSql, type PackedRows } from "./sqlite-event-packed.js";
import { type EventRow, SELECT_EVENTS } from "./sqlite-event-row.js";
import type { EventSource } from "./sqlite-event-scan.js";
import type { Condition } from "./sqlite-event-selection.js";

/**
 * Finds events row by row, and as one. SQLite plans a statement anew whenever a parameter is bound that is its limit, 30 µs
 * each time; not where it is a part of one.
 *
 * @param prepare gives a statement that returns arrays
 */
export function eventSource(prepare: (sql: string) => StatementSync, query: Condition & PackedQuery): EventSource {
  const { sql, values, backwards } = query;
  const order = `ORDER BY e.sequence ${backwards ? "DESC" : "ASC"} LIMIT ? + 0`;
  const rows = prepare(`${SELECT_EVENTS} e.sequence BETWEEN ? AND ? AND ${sql} ${order}`);
  const packed = prepare(packedSql(query));
  return {
    rows: ({ low, high }, max) => rows.iterate(low, high, ...values, max) as Iterable<unknown> as Iterable<EventRow>,
    packed: ({ low, high }, max, maxBytes) => packed.get(low, high, max, maxBytes, ...values) as unknown as PackedRows,
  };
}
