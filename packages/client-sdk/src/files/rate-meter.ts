import type { ClientClock } from "../options.js";

/** Samples further back than this do not count, in milliseconds. */
const SPAN_MS = 5000;

/** Time between samples that are kept, in milliseconds: bounds them to about 50. */
const SAMPLE_MS = 100;

/** Measures how fast a growing number of bytes grows, over the last seconds. */
export class RateMeter {
  readonly #clock: ClientClock;
  #samples: { readonly atMs: number; readonly bytes: number }[];

  constructor(clock: ClientClock, startBytes: number) {
    this.#clock = clock;
    this.#samples = [{ atMs: clock.now(), bytes: startBytes }];
  }

  /** Bytes per second, given how many bytes there are now. */
  rateAt(bytes: number): number {
    const atMs = this.#clock.now();
    const oldest = this.#keep(atMs, bytes);
    const elapsedMs = atMs - oldest.atMs;
    return elapsedMs > 0 ? ((bytes - oldest.bytes) * 1000) / elapsedMs : 0;
  }

  /** Adds a sample when it is time and returns the oldest that counts. */
  #keep(atMs: number, bytes: number): { readonly atMs: number; readonly bytes: number } {
    const first = this.#samples.findIndex((sample) => atMs - sample.atMs <= SPAN_MS);
    if (first > 0) this.#samples = this.#samples.slice(first);
    else if (first < 0) this.#samples = this.#samples.slice(-1);
    const newest = this.#samples.at(-1);
    if (newest === undefined || atMs - newest.atMs >= SAMPLE_MS) this.#samples.push({ atMs, bytes });
    return this.#samples[0] ?? { atMs, bytes };
  }
}
