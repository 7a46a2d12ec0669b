import { setTimeout as sleep } from "node:timers/promises";

import { residentOf } from "../support/server-process.js";

const PROBE_MS = 200;

/** Keeps the largest memory that any of some processes ever took. */
export class PeakMemory implements AsyncDisposable {
  /** In bytes. */
  peak = 0;
  readonly #pids = new Set<number>();
  readonly #stopping = new AbortController();
  readonly #probing: Promise<void>;

  constructor() {
    this.#probing = this.#probe();
  }

  add(pid: number): void {
    this.#pids.add(pid);
  }

  /** To be called before a process is killed; it is left out from then on. */
  async takeLeave(pid: number): Promise<void> {
    await this.#look(pid);
    this.#pids.delete(pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#probing;
  }

  async #probe(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      for (const pid of this.#pids) await this.#look(pid);
      await sleep(PROBE_MS);
    }
  }

  async #look(pid: number): Promise<void> {
    this.peak = Math.max(this.peak, (await residentOf(pid))?.peak ?? 0);
  }
}
