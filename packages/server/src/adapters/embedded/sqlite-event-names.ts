/** Streams and types of a SqliteEventLog as its writer knows them. Imports only node: modules and what does so too. */
import type { DatabaseSync, StatementSync } from "node:sqlite";

import { isSystemStream } from "../../ports/event-log-patterns.js";

/** Streams, and types, that stay in memory between transactions, at most: some MiB. */
const MAX_KEPT = 10_000;

export interface StreamEntry {
  /** Negative if the name begins with `$`. */
  readonly streamId: number;
  lastRevision: number;
  /** The newest block that is known to be noted for it. */
  block: number;
}

export interface TypeEntry {
  readonly typeId: number;
  block: number;
}

/** Finds and makes streams and types by name, within transactions. */
export class EventNames {
  readonly #streams = new Map<string, StreamEntry>();
  readonly #types = new Map<string, TypeEntry>();
  readonly #appendedTo = new Set<StreamEntry>();
  readonly #statements: Readonly<
    Record<"findStream" | "ends" | "addStream" | "update" | "findType" | "addType", StatementSync>
  >;

  constructor(database: DatabaseSync) {
    this.#statements = {
      findStream: database.prepare(
        "SELECT stream_id AS streamId, last_revision AS lastRevision FROM streams WHERE name = ?",
      ),
      ends: database.prepare(
        "SELECT coalesce(min(stream_id), 0) AS low, coalesce(max(stream_id), 0) AS high FROM streams",
      ),
      addStream: database.prepare("INSERT INTO streams VALUES (?, ?, 1, 0)"),
      update: database.prepare("UPDATE streams SET last_revision = ? WHERE stream_id = ?"),
      findType: database.prepare("SELECT type_id AS typeId FROM types WHERE name = ?"),
      addType: database.prepare("INSERT INTO types (name) VALUES (?)"),
    };
  }

  /** The stream of that name, if it ever had an event. */
  findStream(name: string): StreamEntry | undefined {
    const kept = this.#streams.get(name);
    if (kept !== undefined) return kept;
    const row = this.#statements.findStream.get(name) as Pick<StreamEntry, "streamId" | "lastRevision"> | undefined;
    return row && this.#keep(name, row);
  }

  addStream(name: string): StreamEntry {
    const { low, high } = this.#statements.ends.get() as { low: number; high: number };
    const streamId = isSystemStream(name) ? Math.min(low, 0) - 1 : Math.max(high, 0) + 1;
    this.#statements.addStream.run(streamId, name);
    return this.#keep(name, { streamId, lastRevision: 0 });
  }

  /** The type of that name; it is made on first use. */
  type(name: string): TypeEntry {
    const kept = this.#types.get(name);
    if (kept !== undefined) return kept;
    const row = this.#statements.findType.get(name) as { typeId: number } | undefined;
    const typeId = row?.typeId ?? Number(this.#statements.addType.run(name).lastInsertRowid);
    const entry = { typeId, block: -1 };
    this.#types.set(name, entry);
    return entry;
  }

  /** Gives the next revision of a stream away; {@link flush} writes it. */
  nextRevision(stream: StreamEntry): number {
    stream.lastRevision += 1;
    this.#appendedTo.add(stream);
    return stream.lastRevision;
  }

  /** Writes the revisions that were given away: once for all appends of a transaction. */
  flush(): void {
    for (const { streamId, lastRevision } of this.#appendedTo) this.#statements.update.run(lastRevision, streamId);
    this.#appendedTo.clear();
    if (this.#streams.size > MAX_KEPT) this.#streams.clear();
    if (this.#types.size > MAX_KEPT) this.#types.clear();
  }

  /** Forgets everything, as after a transaction that was rolled back. */
  forget(): void {
    this.#streams.clear();
    this.#types.clear();
    this.#appendedTo.clear();
  }

  #keep(name: string, row: Pick<StreamEntry, "streamId" | "lastRevision">): StreamEntry {
    const entry = { ...row, block: -1 };
    this.#streams.set(name, entry);
    return entry;
  }
}
