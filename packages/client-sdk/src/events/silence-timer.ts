import type { ClientClock } from "../options.js";

/** Tells when nothing has happened for some time. */
export class SilenceTimer implements Disposable {
  readonly #clock: ClientClock;
  readonly #silenceMs: number;
  readonly #onSilence: () => void;
  #stop: () => void = () => {};
  #isOver = false;

  /** Begins with the first `restart`. */
  constructor(clock: ClientClock, silenceMs: number, onSilence: () => void) {
    this.#clock = clock;
    this.#silenceMs = silenceMs;
    this.#onSilence = onSilence;
  }

  /** It has told. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Something has happened. */
  restart(): void {
    this.#stop();
    this.#stop = this.#clock.after(this.#silenceMs, () => {
      this.#isOver = true;
      this.#onSilence();
    });
  }

  [Symbol.dispose](): void {
    this.#stop();
  }
}
