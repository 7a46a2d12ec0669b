import { COMMIT_INTERVAL_BYTES, COMMIT_INTERVAL_MS } from "@millrace/shared-types";

import type { Clock } from "../ports/clock.js";

/**
 * Decides when bytes become durable: once 4 MiB have come in, or one second after the first of
 * them. One commit runs at a time, beside the writing; what comes meanwhile waits for the next.
 * A failure is kept and thrown to whoever writes or flushes next.
 */
export class Committer {
  readonly #commit: () => Promise<void>;
  readonly #clock: Clock;
  #running: Promise<void> | undefined;
  #waitingBytes = 0;
  #closed = false;
  #cancelTimer: (() => void) | undefined;
  #failure: { readonly error: unknown } | undefined;

  /** `commit` makes durable what was written when it starts. */
  constructor(commit: () => Promise<void>, clock: Clock) {
    this.#commit = commit;
    this.#clock = clock;
  }

  /** Says that bytes were written. @throws what an earlier commit failed with */
  wrote(bytes: number): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#waitingBytes += bytes;
    this.#schedule();
  }

  /** Resolves once all that was written before is durable. */
  async flush(): Promise<void> {
    while (this.#running !== undefined) await this.#running; // began before the latest bytes
    await this.#start();
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Begins no further commit by itself, and waits for the one under way. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer?.();
    await this.#running;
  }

  #schedule(): void {
    if (this.#closed || this.#failure !== undefined) return;
    if (this.#waitingBytes >= COMMIT_INTERVAL_BYTES) void this.#start();
    else if (this.#waitingBytes > 0) this.#cancelTimer ??= this.#clock.after(COMMIT_INTERVAL_MS, () => this.#onTime());
  }

  #onTime(): void {
    this.#cancelTimer = undefined;
    void this.#start();
  }

  /** Begins a commit, unless one runs: what waits is seen to when that ends. */
  async #start(): Promise<void> {
    if (this.#running !== undefined || this.#failure !== undefined) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#waitingBytes = 0;
    this.#running = this.#run();
    await this.#running;
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    try {
      await this.#commit();
    } catch (error) {
      this.#failure = { error };
    } finally {
      this.#running = undefined;
      this.#schedule();
    }
  }
}
