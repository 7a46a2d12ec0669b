import type { HybridTime } from "#gen/streaming/v1/sync.js";

/** Readings of a hybrid clock within one millisecond. */
export const MAX_HYBRID_COUNTER = 65_535;

/** Below 0 if `a` is earlier, 0 if both are the same, above 0 if `a` is later. */
export function compareHybridTimes(a: HybridTime, b: HybridTime): number {
  if (a.wallMs !== b.wallMs) return a.wallMs - b.wallMs;
  if (a.counter !== b.counter) return a.counter - b.counter;
  if (a.nodeId === b.nodeId) return 0;
  return a.nodeId < b.nodeId ? -1 : 1;
}

/** Whether both are the same reading. */
export function isSameHybridTime(a: HybridTime | undefined, b: HybridTime | undefined): boolean {
  return a !== undefined && b !== undefined && compareHybridTimes(a, b) === 0;
}

/**
 * A hybrid logical clock: its readings follow the wall clock, never repeat, and are later than every reading of
 * others that it was told of.
 */
export class HybridClock {
  readonly nodeId: string;
  readonly #nowMs: () => number;
  #wallMs: number;
  #counter: number;

  /** @param last what it read last, as in an earlier process */
  constructor(nodeId: string, nowMs: () => number, last: Omit<HybridTime, "nodeId"> = { wallMs: 0, counter: 0 }) {
    this.nodeId = nodeId;
    this.#nowMs = nowMs;
    this.#wallMs = last.wallMs;
    this.#counter = last.counter;
  }

  /** The last reading, or the latest that it was told of. */
  get last(): Omit<HybridTime, "nodeId"> {
    return { wallMs: this.#wallMs, counter: this.#counter };
  }

  /** A new reading. */
  tick(): HybridTime {
    const nowMs = Math.floor(this.#nowMs());
    if (nowMs > this.#wallMs) this.#set(nowMs, 0);
    else if (this.#counter >= MAX_HYBRID_COUNTER) this.#set(this.#wallMs + 1, 0);
    else this.#counter += 1;
    return { wallMs: this.#wallMs, counter: this.#counter, nodeId: this.nodeId };
  }

  /** Later readings are to be later than `time`. */
  observe({ wallMs, counter }: HybridTime): void {
    if (wallMs > this.#wallMs) this.#set(wallMs, counter);
    else if (wallMs === this.#wallMs) this.#counter = Math.max(this.#counter, counter);
  }

  #set(wallMs: number, counter: number): void {
    this.#wallMs = wallMs;
    this.#counter = counter;
  }
}
