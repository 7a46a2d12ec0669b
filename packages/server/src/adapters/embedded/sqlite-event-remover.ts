/** How a SqliteEventLog removes events. Imports only node: modules and what does so too. */
import type { DatabaseSync, StatementSync } from "node:sqlite";

import type { Retention } from "../../ports/event-log.js";

import { blockOf, boundsOf } from "./sqlite-event-blocks.js";
import type { EventLedger } from "./sqlite-event-ledger.js";
import type { EventNames } from "./sqlite-event-names.js";
import { EventTruncations } from "./sqlite-event-truncations.js";

/** Events that are removed at a time, at most but for the rest of an append or of a block: appends wait meanwhile. */
const MAX_REMOVED = 500;

/** Blocks of a stream that a truncation looks at at a time. */
const MAX_BLOCKS = 64;

interface OldEvent {
  readonly sequence: number;
  readonly appendEnd: number;
  readonly storedAtMs: number;
  readonly streamId: number;
  readonly typeId: number;
  readonly revision: number;
  readonly bytes: number;
}

/** What a truncation removes from a block. */
interface Counted {
  readonly events: number;
  readonly bytes: number;
  readonly revision: number | null;
}

/** Removes events, a bounded number at a time, within a transaction of the caller. */
export class EventRemover {
  readonly #ledger: EventLedger;
  readonly #names: EventNames;
  readonly #truncated: EventTruncations;
  readonly #statements: Readonly<
    Record<
      | "oldest"
      | "trim"
      | "firstRevision"
      | "setFirst"
      | "blocks"
      | "count"
      | "truncated"
      | "truncate"
      | "forgetStream"
      | "forgetType",
      StatementSync
    >
  >;
  /** Up to here there are only events of `$` streams: they are not looked at again and again. */
  #trimmedTo: number;

  constructor(database: DatabaseSync, ledger: EventLedger, names: EventNames) {
    this.#ledger = ledger;
    this.#names = names;
    this.#truncated = new EventTruncations(database);
    this.#trimmedTo = ledger.firstSequence - 1;
    const ofBlock = "FROM events NOT INDEXED WHERE sequence BETWEEN ? AND ? AND stream_id = ? AND revision < ?";
    this.#statements = {
      oldest: database.prepare(
        `SELECT sequence, append_end AS appendEnd, stored_at_ms AS storedAtMs, stream_id AS streamId,
           type_id AS typeId, revision, length(head) + length(payload) AS bytes
         FROM events NOT INDEXED WHERE sequence > ? AND stream_id > 0 ORDER BY sequence`,
      ),
      trim: database.prepare("DELETE FROM events NOT INDEXED WHERE sequence > ? AND sequence <= ? AND stream_id > 0"),
      firstRevision: database.prepare("SELECT first_revision AS firstRevision FROM streams WHERE stream_id = ?"),
      setFirst: database.prepare("UPDATE streams SET first_revision = ? WHERE stream_id = ?"),
      blocks: database.prepare("SELECT block FROM stream_blocks WHERE stream_id = ? ORDER BY block LIMIT ?"),
      count: database.prepare(
        `SELECT count(*) AS events, coalesce(sum(length(head) + length(payload)), 0) AS bytes, max(revision) AS revision ${ofBlock}`,
      ),
      truncated: database.prepare(`SELECT sequence ${ofBlock}`),
      truncate: database.prepare(`DELETE ${ofBlock}`),
      forgetStream: database.prepare("DELETE FROM stream_blocks WHERE stream_id = ? AND block < ?"),
      forgetType: database.prepare("DELETE FROM type_blocks WHERE type_id = ? AND block < ?"),
    };
  }

  /** Removes the oldest events that may go; how many. */
  trim(retention: Retention): number {
    const gone = this.#oldestThatMayGo(retention);
    const last = gone.at(-1);
    if (last === undefined) return 0;
    this.#statements.trim.run(this.#trimmedTo, last.sequence);
    this.#trimmedTo = last.sequence;
    this.#ledger.firstSequence = last.sequence + 1;
    this.#ledger.keptEvents -= gone.length;
    this.#ledger.keptBytes -= bytesOf(gone);
    this.#forgetBlocks(gone, blockOf(last.sequence + 1));
    this.#truncated.forgetBefore(blockOf(last.sequence + 1));
    return gone.length;
  }

  /** Removes events of a stream whose revision is lower, never the newest one. `done`: no such is left. */
  truncate(name: string, beforeRevision: number): { readonly firstRevision: number; readonly done: boolean } {
    const { streamId = 0, lastRevision = 0 } = this.#names.findStream(name) ?? {};
    const { firstRevision = 1 } = this.#statements.firstRevision.get(streamId) ?? {};
    const first = Number(firstRevision);
    if (first > lastRevision) return { firstRevision: 0, done: true };
    const before = Math.min(beforeRevision, lastRevision);
    const reached = first < before ? this.#truncateBlocks(streamId, first, before) : first;
    return { firstRevision: reached, done: reached >= before || reached === first };
  }

  /** After a transaction that was rolled back. */
  forget(): void {
    this.#trimmedTo = this.#ledger.firstSequence - 1;
  }

  #oldestThatMayGo(retention: Retention): readonly OldEvent[] {
    const gone: OldEvent[] = [];
    let append: OldEvent[] = [];
    for (const row of this.#statements.oldest.iterate(this.#trimmedTo)) {
      const event = row as unknown as OldEvent;
      append.push(event);
      if (event.sequence < event.appendEnd) continue;
      if (!this.#mayGo(gone, append, retention)) break;
      gone.push(...append);
      append = [];
      if (gone.length >= MAX_REMOVED) break;
    }
    const oldest = gone[0] ?? append[0];
    if (oldest !== undefined) this.#trimmedTo = oldest.sequence - 1;
    return gone;
  }

  /** Whether `append` may go, once `gone` is gone. */
  #mayGo(gone: readonly OldEvent[], append: readonly OldEvent[], retention: Retention): boolean {
    const { storedBeforeMs = -Infinity, maxEvents = Infinity, maxBytes = Infinity } = retention;
    if ((append[0]?.storedAtMs ?? Infinity) < storedBeforeMs) return true;
    if (this.#ledger.keptEvents - gone.length - append.length >= maxEvents) return true;
    return this.#ledger.keptBytes - bytesOf(gone) - bytesOf(append) >= maxBytes;
  }

  /** Forgets in which blocks before `block` the streams and types of these events were. */
  #forgetBlocks(gone: readonly OldEvent[], block: number): void {
    const revisions = new Map(gone.map(({ streamId, revision }) => [streamId, revision]));
    for (const [streamId, revision] of revisions) {
      this.#statements.setFirst.run(revision + 1, streamId);
      this.#statements.forgetStream.run(streamId, block);
    }
    for (const typeId of new Set(gone.map((event) => event.typeId))) this.#statements.forgetType.run(typeId, block);
  }

  /** Goes through some blocks of a stream; the oldest revision left. */
  #truncateBlocks(streamId: number, firstRevision: number, before: number): number {
    let reached = firstRevision;
    for (const row of this.#statements.blocks.all(streamId, MAX_BLOCKS)) {
      const block = Number(row["block"]);
      const { low, high } = boundsOf(block);
      const { events, bytes, revision } = this.#statements.count.get(low, high, streamId, before) as unknown as Counted;
      this.#truncated.add(block, this.#sequences(low, high, streamId, before));
      this.#statements.truncate.run(low, high, streamId, before);
      this.#statements.forgetStream.run(streamId, block);
      if (streamId > 0) this.#ledger.keptEvents -= events;
      if (streamId > 0) this.#ledger.keptBytes -= bytes;
      reached = revision === null ? reached : revision + 1;
      if (reached >= before || reached - firstRevision >= MAX_REMOVED) break;
    }
    this.#statements.setFirst.run(reached, streamId);
    return reached;
  }

  /** What a truncation removes from a block. */
  #sequences(low: number, high: number, streamId: number, before: number): readonly number[] {
    return this.#statements.truncated.all(low, high, streamId, before).map(({ sequence }) => Number(sequence));
  }
}

function bytesOf(events: readonly OldEvent[]): number {
  return events.reduce((sum, { bytes }) => sum + bytes, 0);
}
