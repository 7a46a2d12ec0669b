import type { ResumeStore } from "../files/resume-store.js";
import type { ClientClock } from "../options.js";
import { sleep } from "../rpc/system-clock.js";

/** What a killed process may handle again is at most what it finished in this time, in milliseconds. */
const SAVE_INTERVAL_MS = 1000;

/** Keeps the newest position of a watch in a store: at the end, and meanwhile not more often than once a second. */
export class PositionMemory {
  readonly #store: ResumeStore;
  readonly #key: string;
  readonly #clock: ClientClock;
  readonly #closing = new AbortController();
  #newest: string | undefined;
  #saved: string | undefined;
  #saving: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(store: ResumeStore, name: string, clock: ClientClock) {
    this.#store = store;
    this.#key = JSON.stringify(["watch", name]);
    this.#clock = clock;
  }

  /** The position of an earlier watch. */
  async load(): Promise<string | undefined> {
    this.#saved = await this.#store.get(this.#key);
    return this.#saved;
  }

  /**
   * Everything up to `position` is finished.
   *
   * @throws what the store threw when an earlier position was saved
   */
  advance(position: string): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#newest = position;
    if (position !== this.#saved) this.#saving ??= this.#saveNowAndThen();
  }

  /** Saves what is not saved yet; nothing of it runs any more when it settles. Rejects with what the store throws. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#saving;
    if (this.#failure !== undefined) throw this.#failure.error;
    await this.#save();
  }

  /** Runs until nothing is new; never rejects. */
  async #saveNowAndThen(): Promise<void> {
    try {
      while (this.#newest !== this.#saved && !this.#closing.signal.aborted) {
        await this.#save();
        await sleep(this.#clock, SAVE_INTERVAL_MS, this.#closing.signal).catch(() => undefined);
      }
    } catch (error) {
      this.#failure = { error };
    }
    this.#saving = undefined;
  }

  async #save(): Promise<void> {
    const position = this.#newest;
    if (position === undefined || position === this.#saved) return;
    await this.#store.set(this.#key, position);
    this.#saved = position;
  }
}
