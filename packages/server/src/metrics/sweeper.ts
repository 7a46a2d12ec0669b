import type { MetricsDeps } from "./metrics-deps.js";

/** Between two rounds, and before the first, in milliseconds: a server that starts has other things to do. */
const PERIOD_MS = 600_000;

type SweeperDeps = Pick<MetricsDeps, "store" | "clock" | "limits" | "logger">;

/** Removes samples that are kept for long enough, for as long as the server runs. */
export class Sweeper implements AsyncDisposable {
  readonly #deps: SweeperDeps;
  #cancelNext: (() => void) | undefined;
  #round: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(deps: SweeperDeps) {
    this.#deps = deps;
  }

  /** Sweeps once a period from now on. */
  start(): void {
    this.#cancelNext = this.#deps.clock.after(PERIOD_MS, () => {
      this.#round = this.#sweepAndGoOn();
    });
  }

  /** Waits for the work under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#cancelNext?.();
    await this.#round;
  }

  async #sweepAndGoOn(): Promise<void> {
    await sweep(this.#deps, () => this.#stopped);
    if (!this.#stopped) this.start();
  }
}

/** One round, or what there is time for before `stopped`. What fails is logged, and tried again in the next round. */
export async function sweep(
  { store, clock, limits, logger }: SweeperDeps,
  stopped: () => boolean = () => false,
): Promise<void> {
  const beforeMs = clock.now() - limits.retentionMs;
  try {
    while (!stopped() && (await store.sweep(beforeMs)) > 0);
  } catch (err) {
    logger.warn({ err }, "removing old samples failed; trying again later");
  }
}
