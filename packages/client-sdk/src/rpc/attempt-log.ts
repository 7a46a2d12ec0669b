import type { Attempt, StreamingError } from "../errors.js";
import type { ClientClock } from "../options.js";

/** A call may go on for days. */
const MAX_KEPT = 32;

/** Remembers how the attempts of one call failed: the last 32. */
export class AttemptLog {
  readonly #clock: ClientClock;
  #startedAt: number;
  #failed: readonly Attempt[] = [];
  #begun = 1;

  constructor(clock: ClientClock) {
    this.#clock = clock;
    this.#startedAt = clock.now();
  }

  /** Number of attempts begun. */
  get begun(): number {
    return this.#begun;
  }

  get failed(): readonly Attempt[] {
    return this.#failed;
  }

  /** The attempt under way has failed. */
  add(error: StreamingError): void {
    const { peer, code, codeName, origin, message } = error;
    const startedAt = this.#startedAt;
    const attempt = { peer, startedAt, ms: this.#clock.now() - startedAt, code, codeName, origin, message };
    this.#failed = [...this.#failed, attempt].slice(-MAX_KEPT);
  }

  /** Another attempt begins. */
  next(): void {
    this.#begun++;
    this.#startedAt = this.#clock.now();
  }
}
