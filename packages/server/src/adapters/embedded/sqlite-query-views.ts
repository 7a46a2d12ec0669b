/** The published tables over the files of an embedded server. Imports only what runs in the processes of queries. */
import {
  QUERY_TABLES,
  type QueryColumnType,
  type QueryTableColumn,
  type QueryTableName,
} from "../../ports/query-tables.js";

import { EVENTS_PER_BLOCK } from "./sqlite-event-blocks.js";

/** Names under which the files are attached. */
export const ATTACHED = ["records_db", "events_db", "items_db", "metrics_db"] as const;

/** Of the contract's MetricKind, by number. */
const METRIC_KINDS = ["", "gauge", "delta", "cumulative", "distribution"];

/**
 * What each table reads. Of each joined table a column counts that is not its key: else SQLite would ask whether the
 * whole statement, and not the view, may read it. The conditions on who may see a row are here, inside of the engine: no statement reaches
 * what is under a view.
 */
const VIEWS: Readonly<Record<QueryTableName, string>> = {
  items: `
    SELECT d.key AS dataset,
      CAST(c.key AS TEXT) AS key,
      c.id AS id,
      c.version AS version,
      millrace_time(v.updated_at_ms) AS updated_at,
      millrace_item_name(v.record) AS name,
      millrace_item_content_type(v.record) AS content_type,
      millrace_item_attributes(v.record) AS attributes,
      length(v.data) AS size,
      millrace_item_data(v.record, v.data) AS data,
      millrace_json(millrace_item_data(v.record, v.data)) AS json
    FROM records_db.records AS d
    JOIN items_db.collections AS l ON l.name = json_extract(d.value, '$.collection') AND l.dropped = 0
    JOIN items_db.current AS c ON c.collection_id = l.collection_id AND c.deleted = 0
    JOIN items_db.versions AS v ON v.version = c.version AND v.updated_at_ms >= 0
    WHERE d.collection = 'datasets'`,
  events: `
    SELECT e.sequence AS sequence,
      s.name AS stream,
      e.revision AS revision,
      t.name AS type,
      e.key AS key,
      e.id AS id,
      millrace_event_time(e.head, e.stored_at_ms) AS time,
      millrace_time(e.stored_at_ms) AS published_at,
      e.tombstone AS tombstone,
      millrace_event_content_type(e.head) AS content_type,
      millrace_event_source(e.head) AS source,
      millrace_event_attributes(e.head) AS attributes,
      length(e.payload) AS size,
      ${payload("e", "s", "t")} AS payload,
      millrace_json(${payload("e", "s", "t")}) AS json
    FROM events_db.events AS e
    JOIN events_db.streams AS s ON s.stream_id = e.stream_id
    JOIN events_db.types AS t ON t.type_id = e.type_id AND t.name <> ''
    WHERE e.stream_id > 0 AND e.sequence >= (SELECT first_sequence FROM events_db.log) AND e.revision >= s.first_revision`,
  files: `
    SELECT r.key AS file_id,
      json_extract(r.value, '$.filename') AS filename,
      json_extract(r.value, '$.size') AS size,
      json_extract(r.value, '$.contentType') AS content_type,
      json_extract(r.value, '$.sha256') AS sha256,
      json_extract(r.value, '$.generation') AS generation,
      (SELECT json_group_object(json_extract(m.value, '$[0]'), json_extract(m.value, '$[1]'))
       FROM json_each(r.value, '$.metadata') AS m) AS metadata,
      millrace_time(json_extract(r.value, '$.createdAt')) AS created_at,
      millrace_time(json_extract(r.value, '$.updatedAt')) AS updated_at,
      millrace_time(json_extract(r.value, '$.expiresAt')) AS expires_at
    FROM records_db.records AS r
    WHERE r.collection = 'files'
      AND json_extract(r.value, '$.owner') = millrace_caller()
      AND coalesce(json_extract(r.value, '$.expiresAt') > millrace_now_ms(), 1)`,
  chat_messages: `
    SELECT r.key AS room,
      e.revision AS sequence,
      e.id AS message_id,
      millrace_chat_user(e.payload) AS user_id,
      substr(t.name, 6) AS kind,
      millrace_chat_target(e.payload) AS target_message_id,
      ${unlessChanged("millrace_chat_content(e.payload)", "content", "''")} AS content,
      ${unlessChanged("millrace_chat_content_type(e.payload)", "contentType", "''")} AS content_type,
      ${unlessChanged("millrace_chat_metadata(e.payload)", undefined, "'{}'")} AS metadata,
      millrace_time(e.stored_at_ms) AS time,
      CASE WHEN t.name = 'chat.text' THEN millrace_time(json_extract(h.value, '$.editedAt')) END AS edited_at,
      coalesce(json_extract(h.value, '$.redacted'), 0) AS redacted
    FROM records_db.records AS r
    JOIN events_db.streams AS s ON s.name = '$chat/' || r.key || '/' || json_extract(r.value, '$.incarnation')
    CROSS JOIN events_db.stream_blocks AS b ON b.stream_id = s.stream_id
    CROSS JOIN events_db.events AS e
      ON e.sequence BETWEEN b.block * ${EVENTS_PER_BLOCK} AND b.block * ${EVENTS_PER_BLOCK} + ${EVENTS_PER_BLOCK - 1}
      AND e.stream_id = s.stream_id
    JOIN events_db.types AS t ON t.type_id = e.type_id AND t.name <> ''
    LEFT JOIN records_db.records AS h ON h.collection = 'chatchanges' AND h.key = s.name || '/' ||
      CASE t.name WHEN 'chat.text' THEN e.id WHEN 'chat.edit' THEN millrace_chat_target(e.payload) END
    WHERE r.collection = 'rooms' AND millrace_may_chat()
      AND (json_extract(r.value, '$.open') OR json_extract(r.value, '$.ownerId') = millrace_caller()
        OR EXISTS (SELECT 1 FROM json_each(r.value, '$.memberIds') AS m WHERE m.value = millrace_caller()))
      AND e.revision >= s.first_revision
      AND coalesce(e.stored_at_ms >= millrace_now_ms() - json_extract(r.value, '$.retentionMs'), 1)`,
  metrics: `
    SELECT s.name AS name,
      s.labels AS labels,
      CASE s.kind ${METRIC_KINDS.map((kind, index) => `WHEN ${String(index)} THEN '${kind}'`).join(" ")} END AS kind,
      s.unit AS unit,
      millrace_time(m.time_ms) AS time,
      m.value AS value,
      m.weight AS weight
    FROM metrics_db.series AS s
    JOIN (
      SELECT series_id, time_ms, value, weight FROM metrics_db.settled
      UNION ALL SELECT series_id, time_ms, value, weight FROM metrics_db.arrivals
    ) AS m ON m.series_id = s.series_id AND s.name <> ''`,
};

/** Of an event, if it is what was stored. */
function payload(event: string, stream: string, type: string): string {
  const place = ["sequence", "revision", "append_start", "append_end", "stored_at_ms", "tombstone", "checksum"];
  const content = ["stream_id", "id", "type_id", "key", "head", "payload"];
  const columns = [`${stream}.name`, `${type}.name`, ...[...place, ...content].map((column) => `${event}.${column}`)];
  return `millrace_event_payload(${columns.join(", ")})`;
}

/** What a message of the chat says now: what it said at first, what its last edit said, or nothing. */
function unlessChanged(original: string, edited: string | undefined, redacted: string): string {
  const change =
    edited === undefined
      ? ""
      : ` WHEN t.name = 'chat.text' AND h.key IS NOT NULL THEN json_extract(h.value, '$.${edited}')`;
  return `CASE WHEN json_extract(h.value, '$.redacted') THEN ${redacted}${change} ELSE ${original} END`;
}

/** Statements that make the views; of metrics without rows while there is nothing that could have some. */
export function viewStatements(hasMetrics: boolean): readonly string[] {
  return Object.entries(VIEWS).map(([name, select]) => {
    const hasRows = hasMetrics || name !== "metrics";
    return `CREATE TEMP VIEW ${name} AS ${hasRows ? select : noRows(QUERY_TABLES.metrics.columns)}`;
  });
}

function noRows(columns: readonly QueryTableColumn[]): string {
  return `SELECT ${columns.map(({ name }) => `NULL AS ${name}`).join(", ")} WHERE 0`;
}

/** Statements that make tables of the same names and columns, with nothing in them and nothing under them. */
export function emptyTableStatements(): readonly string[] {
  return Object.entries(QUERY_TABLES).map(([name, { columns }]) => {
    const list = columns.map((column) => `${column.name} ${DECLARED_TYPES[column.type]}`);
    return `CREATE TEMP TABLE ${name} (${list.join(", ")})`;
  });
}

/** As the empty tables declare them, and SQLite tells of a result's column that is one of theirs. */
const DECLARED_TYPES: Readonly<Record<QueryColumnType, string>> = {
  any: "",
  bool: "BOOL",
  int: "INT",
  double: "DOUBLE",
  string: "STRING",
  bytes: "BYTES",
  timestamp: "TIMESTAMP",
  json: "JSON",
};

/** Type of a column of a result that was declared so. */
export function typeDeclaredAs(declared: string | null): QueryColumnType {
  const found = Object.entries(DECLARED_TYPES).find(([, name]) => name === declared);
  return (found?.[0] as QueryColumnType | undefined) ?? "any";
}
