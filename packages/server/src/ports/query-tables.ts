/** The tables that queries read. Imports nothing: processes that run queries read it, too. */

/** Type of a column. Any value can be null. `any`: the result of an expression, which may differ from row to row. */
export type QueryColumnType = "any" | "bool" | "int" | "double" | "string" | "bytes" | "timestamp" | "json";

export interface QueryTableColumn {
  readonly name: string;
  readonly type: QueryColumnType;
}

/** A table as queries see it; its rows depend on who asks. */
export interface QueryTableInfo {
  readonly name: string;
  readonly description: string;
  readonly columns: readonly QueryTableColumn[];
}

/** Names of the tables. */
export type QueryTableName = "items" | "events" | "files" | "chat_messages" | "metrics";

/**
 * What is published. A timestamp is text such as `2026-11-20T12:30:00.000Z` while a statement works with it, a bool 0
 * or 1.
 */
export const QUERY_TABLES: Readonly<Record<QueryTableName, Omit<QueryTableInfo, "name">>> = {
  items: {
    description: "Items of all datasets, as they are now.",
    columns: columns({
      dataset: "string",
      key: "string",
      id: "int",
      version: "int",
      updated_at: "timestamp",
      name: "string",
      content_type: "string",
      attributes: "json",
      size: "int",
      data: "bytes",
      json: "json",
    }),
  },
  events: {
    description: "Events of the log, but for streams of the server's own.",
    columns: columns({
      sequence: "int",
      stream: "string",
      revision: "int",
      type: "string",
      key: "string",
      id: "string",
      time: "timestamp",
      published_at: "timestamp",
      tombstone: "bool",
      content_type: "string",
      source: "string",
      attributes: "json",
      size: "int",
      payload: "bytes",
      json: "json",
    }),
  },
  files: {
    description: "The caller's files.",
    columns: columns({
      file_id: "string",
      filename: "string",
      size: "int",
      content_type: "string",
      sha256: "string",
      generation: "int",
      metadata: "json",
      created_at: "timestamp",
      updated_at: "timestamp",
      expires_at: "timestamp",
    }),
  },
  chat_messages: {
    description: "Messages of the rooms that the caller may join, with edits and without what was redacted.",
    columns: columns({
      room: "string",
      sequence: "int",
      message_id: "string",
      user_id: "string",
      kind: "string",
      target_message_id: "string",
      content: "string",
      content_type: "string",
      metadata: "json",
      time: "timestamp",
      edited_at: "timestamp",
      redacted: "bool",
    }),
  },
  metrics: {
    description: "Samples of metrics; a distribution has its mean as value, and its count as weight.",
    columns: columns({
      name: "string",
      labels: "json",
      kind: "string",
      unit: "string",
      time: "timestamp",
      value: "double",
      weight: "double",
    }),
  },
};

function columns(types: Readonly<Record<string, QueryColumnType>>): readonly QueryTableColumn[] {
  return Object.entries(types).map(([name, type]) => ({ name, type }));
}
