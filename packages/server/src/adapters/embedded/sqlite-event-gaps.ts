/** Why a SqliteEventLog has no events where it has none. Imports only node: modules and what does so too. */
import type { DatabaseSync, StatementSync } from "node:sqlite";

import { blockOf, boundsOf, EVENTS_PER_BLOCK } from "./sqlite-event-database.js";
import type { LogEnds } from "./sqlite-event-ends.js";
import { DamagedEvent } from "./sqlite-event-row.js";
import type { Window } from "./sqlite-event-selection.js";

/** Blocks of which it is kept which events are missing and were explained, at most: 32 bytes each. */
const MAX_KEPT = 1024;

/** What a block has of a stream. */
interface Revisions {
  readonly first: number;
  readonly last: number;
}

interface BlockContent {
  /** By number of the stream. */
  readonly revisions: ReadonlyMap<number, Revisions>;
  /** Every event is where an index says that it is, and the revisions of each stream follow each other. */
  readonly isInOrder: boolean;
}

/**
 * Explains holes in the log. Only the truncation of a stream makes any, from its beginning on: the revisions that a stream
 * still has follow each other. So a hole is explained if no stream that is noted for the block lacks one of its
 * revisions there. Nothing notes what was truncated: it could be without bound.
 */
export class EventGaps {
  readonly #ends: LogEnds;
  /** By block, a flag for each sequence. What is gone does not come back. */
  readonly #explained = new Map<number, Uint8Array>();
  readonly #statements: Readonly<Record<"streams" | "rows" | "before" | "behind", StatementSync>>;

  constructor(database: DatabaseSync, ends: LogEnds) {
    this.#ends = ends;
    this.#statements = {
      streams: database.prepare(
        `SELECT stream_id AS streamId, first_revision AS first, last_revision AS last FROM streams
         WHERE stream_id > 0 AND EXISTS (SELECT 1 FROM stream_blocks AS b WHERE b.stream_id = streams.stream_id AND b.block = ?)`,
      ),
      rows: database.prepare(
        `SELECT sequence, stream_id AS streamId, revision, EXISTS (
           SELECT 1 FROM events AS i INDEXED BY events_by_id
           WHERE i.id = e.id AND i.stream_id = e.stream_id AND i.sequence = e.sequence
         ) AS isWhole
         FROM events AS e NOT INDEXED WHERE sequence BETWEEN ? AND ? ORDER BY sequence`,
      ),
      before: database.prepare("SELECT max(block) AS block FROM stream_blocks WHERE stream_id = ? AND block < ?"),
      behind: database.prepare("SELECT min(block) AS block FROM stream_blocks WHERE stream_id = ? AND block > ?"),
    };
  }

  /**
   * Nothing was found where there could be events.
   *
   * @throws {DamagedEvent} unless they have been removed
   */
  explain({ low, high }: Window): void {
    const { first, last } = this.#ends.get();
    const end = Math.min(high, last);
    if (end === last && low <= last && last >= first) throw new DamagedEvent(Math.max(low, first)); // the newest is never truncated
    for (let from = Math.max(low, first); from <= end;) {
      const block = blockOf(from);
      const to = Math.min(end, boundsOf(block).high);
      this.#explainIn(block, from, to);
      from = to + 1;
    }
  }

  #explainIn(block: number, low: number, high: number): void {
    const offset = boundsOf(block).low;
    const isHole = (flags: Uint8Array): boolean =>
      flags.subarray(low - offset, high - offset + 1).every((flag) => flag === 1);
    const known = this.#explained.get(block);
    if (known !== undefined && isHole(known)) return;
    const missing = this.#missingIn(block);
    if (missing === undefined || !isHole(missing)) throw new DamagedEvent(low); // found by another way: there are events
    if (this.#explained.size >= MAX_KEPT) this.#explained.clear();
    this.#explained.set(block, missing);
  }

  /** A flag for each sequence of a block that is missing; `undefined` if that is not for truncations alone. */
  #missingIn(block: number): Uint8Array | undefined {
    const { low } = boundsOf(block);
    const missing = new Uint8Array(EVENTS_PER_BLOCK).fill(1);
    const found = this.#revisionsIn(block, (sequence) => (missing[sequence - low] = 0));
    if (!found.isInOrder) return undefined;
    for (const row of this.#statements.streams.iterate(block)) {
      const { streamId, first, last } = row as unknown as { streamId: number } & Revisions;
      const next = this.#firstBehind(block, streamId, last);
      const previous = this.#lastBefore(block, streamId, first);
      const own = found.revisions.get(streamId);
      const isWhole = own === undefined ? next === previous + 1 : own.first === previous + 1 && own.last === next - 1;
      if (!isWhole) return undefined;
    }
    return missing;
  }

  /** The revision of a stream that comes after those of a block, or would. */
  #firstBehind(block: number, streamId: number, last: number): number {
    const behind = this.#statements.behind.get(streamId, block)?.["block"];
    const found = typeof behind === "number" ? this.#revisionsIn(behind).revisions.get(streamId) : undefined;
    return found?.first ?? last + 1;
  }

  /** The revision of a stream that comes before those of a block, or did before it was truncated. */
  #lastBefore(block: number, streamId: number, first: number): number {
    const before = this.#statements.before.get(streamId, block)?.["block"];
    const found = typeof before === "number" ? this.#revisionsIn(before).revisions.get(streamId) : undefined;
    return found?.last ?? first - 1;
  }

  /** What a block has of each stream. Tells `each` which sequences there are. */
  #revisionsIn(block: number, each?: (sequence: number) => void): BlockContent {
    const { low, high } = boundsOf(block);
    const revisions = new Map<number, Revisions>();
    let isInOrder = true;
    let previous = low - 1;
    for (const row of this.#statements.rows.iterate(low, high)) {
      const { sequence, streamId, revision, isWhole } = row as unknown as {
        readonly [column in "sequence" | "streamId" | "revision" | "isWhole"]: number;
      };
      const { first = revision, last = revision - 1 } = revisions.get(streamId) ?? {};
      isInOrder &&= isWhole === 1 && sequence > previous && sequence <= high && revision === last + 1;
      revisions.set(streamId, { first, last: revision });
      each?.(sequence);
      previous = sequence;
    }
    return { revisions, isInOrder };
  }
}
