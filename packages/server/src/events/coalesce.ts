import { PositionCompacted } from "../ports/event-log.js";

import type { FeedCursor, FeedEvent, FeedRun, RunLimits, SkippedPart } from "./feed.js";

/** What is read at a time … */
const READ: RunLimits = { maxEvents: 256, maxBytes: 256 * 1024 };

/** … and what is kept of it, but for the rest of the last read. */
const KEPT: RunLimits = { maxEvents: 1024, maxBytes: 256 * 1024 };

/** Events of which each is the newest of its key, and those that were left out. */
export interface CoalescedRun {
  /** In order. */
  readonly events: readonly FeedEvent[];
  readonly position: number;
  readonly skipped: SkippedPart | undefined;
}

/**
 * Reads on, up to the sequence `until`, and keeps of each key of a stream only the newest event; those without
 * a key stay. Ends earlier if what it keeps fills a run: a key may then come again in the next one.
 */
export async function coalesce(cursor: FeedCursor, until: number, signal: AbortSignal): Promise<CoalescedRun> {
  const kept = new KeptEvents();
  let { position } = cursor;
  while (position < until && !kept.isFull) {
    signal.throwIfAborted();
    const run = await nextOf(cursor, kept);
    if (run === undefined) break;
    for (const event of run.events) kept.add(event);
    ({ position } = run);
  }
  return { events: kept.events, position, skipped: kept.skipped };
}

/** `undefined` if retention has overtaken the cursor: that is for the next run to say, after what is kept. */
async function nextOf(cursor: FeedCursor, kept: KeptEvents): Promise<FeedRun | undefined> {
  try {
    return await cursor.next(READ);
  } catch (error) {
    if (error instanceof PositionCompacted && !kept.isEmpty) return undefined;
    throw error;
  }
}

class KeptEvents {
  readonly #byKey = new Map<string, FeedEvent>();
  #bytes = 0;
  #skipped: (SkippedPart & { readonly count: number }) | undefined;

  get events(): readonly FeedEvent[] {
    return [...this.#byKey.values()];
  }

  get skipped(): SkippedPart | undefined {
    return this.#skipped;
  }

  get isEmpty(): boolean {
    return this.#byKey.size === 0;
  }

  get isFull(): boolean {
    return this.#byKey.size >= KEPT.maxEvents || this.#bytes >= KEPT.maxBytes;
  }

  add(event: FeedEvent): void {
    const key = keyOf(event);
    const older = this.#byKey.get(key);
    if (older !== undefined) this.#skip(key, older);
    this.#byKey.set(key, event);
    this.#bytes += event.size;
  }

  /** Also makes the key move to the end. */
  #skip(key: string, { log: { sequence }, size }: FeedEvent): void {
    this.#byKey.delete(key);
    this.#bytes -= size;
    const { fromSequence = sequence, toSequence = sequence, count = 0 } = this.#skipped ?? {};
    this.#skipped = {
      fromSequence: Math.min(fromSequence, sequence),
      toSequence: Math.max(toSequence, sequence),
      count: count + 1,
    };
  }
}

/** Names of streams have no control characters. */
function keyOf({ log: { stream, key, sequence } }: FeedEvent): string {
  return key === "" ? String(sequence) : `${stream}\0${key}`;
}
