import type { Clock } from "../ports/clock.js";
import type { Logger } from "../rpc/logger.js";

export interface RoundsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Between two rounds, in milliseconds. */
  readonly periodMs: number;
  /** What a round does, for the log: `removing old events`. */
  readonly what: string;
}

/** One round, or what there is time for before `stopped`. `true` means that there is more: then the next follows at once. */
export type Round = (stopped: () => boolean) => Promise<unknown>;

/**
 * Does something again and again for as long as the server runs, one round at a time. A round that fails is logged, and
 * the next one tries again. Disposing of it waits for the round under way.
 */
export class Rounds implements AsyncDisposable {
  readonly #options: RoundsOptions;
  readonly #round: Round;
  #cancelNext: (() => void) | undefined;
  #underWay: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: RoundsOptions, round: Round) {
    this.#options = options;
    this.#round = round;
  }

  /** The first round begins now … */
  start(): void {
    this.#underWay = this.#goOn();
  }

  /** … or after this time. */
  startIn(delayMs: number): void {
    this.#cancelNext = this.#options.clock.after(delayMs, () => this.start());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#cancelNext?.();
    await this.#underWay;
  }

  async #goOn(): Promise<void> {
    const isMore = await this.#attempt();
    if (!this.#stopped) this.startIn(isMore ? 0 : this.#options.periodMs);
  }

  async #attempt(): Promise<boolean> {
    try {
      return (await this.#round(() => this.#stopped)) === true;
    } catch (err) {
      const { logger, what } = this.#options;
      logger.warn({ err }, `${what} failed; trying again later`);
      return false;
    }
  }
}
