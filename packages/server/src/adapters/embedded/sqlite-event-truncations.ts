/** Which events of a SqliteEventLog were truncated. Imports only node: modules and what does so too. */
import type { DatabaseSync, StatementSync } from "node:sqlite";

import { blockOf, boundsOf, EVENTS_PER_BLOCK } from "./sqlite-event-blocks.js";

const FLAG_BYTES = EVENTS_PER_BLOCK / 8;

/** A bit for each sequence that was truncated, by block, within transactions of the caller. */
export class EventTruncations {
  readonly #statements: Readonly<Record<"get" | "set" | "forget", StatementSync>>;
  /** The block that was looked at last: what is truncated stays so. */
  #block = -1;
  #flags: Uint8Array = new Uint8Array(FLAG_BYTES);

  constructor(database: DatabaseSync) {
    this.#statements = {
      get: database.prepare("SELECT flags FROM truncated WHERE block = ?"),
      set: database.prepare("INSERT INTO truncated VALUES (?, ?) ON CONFLICT DO UPDATE SET flags = excluded.flags"),
      forget: database.prepare("DELETE FROM truncated WHERE block < ?"),
    };
  }

  /** The first sequence from `low` to `high` that was not truncated, if there is one. */
  firstOther(low: number, high: number): number | undefined {
    for (let sequence = low; sequence <= high; sequence += 1) if (!this.#has(sequence)) return sequence;
    return undefined;
  }

  /** Notes sequences of one block. */
  add(block: number, sequences: Iterable<number>): void {
    const flags = Uint8Array.from(this.#stored(block));
    for (const sequence of sequences) {
      const byte = byteOf(sequence, block);
      flags[byte] = (flags[byte] ?? 0) | bitOf(sequence);
    }
    this.#statements.set.run(block, flags);
  }

  /** Notes all sequences from `low` to `high`. */
  addAll(low: number, high: number): void {
    for (let from = low; from <= high;) {
      const block = blockOf(from);
      const to = Math.min(high, boundsOf(block).high);
      this.add(
        block,
        Array.from({ length: to - from + 1 }, (_, index) => from + index),
      );
      from = to + 1;
    }
  }

  /** The log begins with this block. */
  forgetBefore(block: number): void {
    this.#statements.forget.run(block);
  }

  #has(sequence: number): boolean {
    const block = blockOf(sequence);
    const isSet = (): boolean => ((this.#flags[byteOf(sequence, block)] ?? 0) & bitOf(sequence)) !== 0;
    if (block === this.#block && isSet()) return true;
    this.#flags = this.#stored(block);
    this.#block = block;
    return isSet();
  }

  #stored(block: number): Uint8Array {
    const flags = this.#statements.get.get(block)?.["flags"];
    return flags instanceof Uint8Array ? flags : new Uint8Array(FLAG_BYTES);
  }
}

function byteOf(sequence: number, block: number): number {
  return Math.floor((sequence - boundsOf(block).low) / 8);
}

function bitOf(sequence: number): number {
  return 1 << (sequence % 8);
}
