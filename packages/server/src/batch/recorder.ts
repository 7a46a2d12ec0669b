import type { RowMutation } from "../ports/item-store.js";

import type { BatchDeps } from "./batch-deps.js";
import { type BatchRecord, putBatch, withResults } from "./batch-record.js";
import { type Outcome, putOutcomes } from "./outcomes.js";

/** Outcomes of one commit … */
const MAX_OUTCOMES = 1000;
/** … and what they take, in bytes, but for the last of them. */
const MAX_BYTES = 1024 * 1024;

interface Entry {
  readonly outcomes: readonly Outcome[];
  /** Committed together with them. */
  readonly mutations: readonly RowMutation[];
  readonly state?: BatchRecord["state"];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Makes outcomes of one batch durable, with its counts. What comes while a commit is under way shares the next one.
 * Holds what its caller waits for.
 */
export class Recorder {
  readonly #deps: Pick<BatchDeps, "items" | "clock">;
  #record: BatchRecord;
  #queue: Entry[] = [];
  #writing: Promise<void> | undefined;

  constructor(record: BatchRecord, deps: Pick<BatchDeps, "items" | "clock">) {
    this.#record = record;
    this.#deps = deps;
  }

  /** The batch as it is stored. */
  get record(): BatchRecord {
    return this.#record;
  }

  /** Resolves once the outcome is durable. */
  add(outcome: Outcome): Promise<void> {
    return this.#push({ outcomes: [outcome], mutations: [] });
  }

  /** Resolves once the outcomes and what brings them about are durable: all of it, or nothing. */
  addAll(outcomes: readonly Outcome[], mutations: readonly RowMutation[]): Promise<void> {
    return this.#push({ outcomes, mutations });
  }

  /** Resolves once the state is durable, after all outcomes before it. A batch that is cancelled stays so. */
  setState(state: BatchRecord["state"]): Promise<void> {
    return this.#push({ outcomes: [], mutations: [], state });
  }

  /** Resolves when nothing is being written. */
  async idle(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  #push(entry: Omit<Entry, "resolve" | "reject">): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ ...entry, resolve, reject });
      this.#writing ??= this.#write();
    });
  }

  /** Never rejects. */
  async #write(): Promise<void> {
    await Promise.resolve(); // what ends in the same turn goes together
    while (this.#queue.length > 0) {
      const entries = this.#take();
      try {
        await this.#commit(entries);
        for (const { resolve } of entries) resolve();
      } catch (error) {
        for (const { reject } of entries) reject(error);
      }
    }
    this.#writing = undefined;
  }

  #take(): readonly Entry[] {
    let bytes = 0;
    let count = 0;
    const full = this.#queue.findIndex(({ outcomes }) => {
      count += outcomes.length;
      for (const { result } of outcomes) bytes += result.output.length + (result.status?.message.length ?? 0);
      return count >= MAX_OUTCOMES || bytes >= MAX_BYTES;
    });
    return this.#queue.splice(0, full === -1 ? this.#queue.length : full + 1);
  }

  async #commit(entries: readonly Entry[]): Promise<void> {
    const { items, clock } = this.#deps;
    const nowMs = clock.now();
    const outcomes = entries.flatMap((entry) => entry.outcomes);
    const results = outcomes.map(({ result }) => result);
    let next = results.length === 0 ? this.#record : withResults(this.#record, results, nowMs);
    for (const { state } of entries) {
      if (state !== undefined && next.state !== "cancelled") next = { ...next, state };
    }
    const changes = entries.flatMap(({ mutations }) => mutations);
    await items.commit([...changes, ...putOutcomes(next, outcomes, nowMs), putBatch(next)], { atomic: true });
    this.#record = next;
  }
}
