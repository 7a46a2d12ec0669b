/** Room for as many as come in a phase, and some more. */
const MAX_AGES = 4_000_000;

/** How old events were when they came, in milliseconds. Holds no objects, so that the check has nothing to collect of its own. */
export class Ages {
  readonly #values = new Float64Array(MAX_AGES);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(ageMs: number): void {
    this.#values[this.#count++] = ageMs;
  }

  clear(): void {
    this.#count = 0;
  }

  /** The age that this share of them does not exceed. */
  percentile(share: number): number {
    const sorted = this.#values.subarray(0, this.#count).toSorted();
    return sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
  }
}
