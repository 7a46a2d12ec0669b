import { RateMeter } from "../files/rate-meter.js";
import type { ClientClock } from "../options.js";
import type { ImportProgress, ImportResult } from "./types.js";

/** What of an import is done. */
export class ImportTally {
  readonly #meter: RateMeter;
  #storedItems = 0;
  #storedBytes = 0;
  #rejectedItems = 0;

  constructor(clock: ClientClock) {
    this.#meter = new RateMeter(clock, 0);
  }

  stored(bytes: number): void {
    this.#storedItems++;
    this.#storedBytes += bytes;
  }

  rejected(): void {
    this.#rejectedItems++;
  }

  get result(): ImportResult {
    return { storedItems: this.#storedItems, storedBytes: this.#storedBytes, rejectedItems: this.#rejectedItems };
  }

  /** To be asked for whenever something is done: measures the rate. */
  get progress(): ImportProgress {
    return { ...this.result, bytesPerSecond: this.#meter.rateAt(this.#storedBytes) };
  }
}
