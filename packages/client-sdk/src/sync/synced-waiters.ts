import { DeadlineExceededError, type StreamingError } from "../errors.js";
import { cancelledBy } from "../files/cancelled-by.js";
import type { ClientClock } from "../options.js";
import { SYNC_METHOD } from "./replica-session.js";
import type { SyncedOptions } from "./types.js";

/** Somebody waits until everything is synchronized. */
interface Waiter {
  readonly madeChanges: number;
  /** What has to be answered before a checkpoint that counts. */
  question: number;
  readonly settle: (error?: StreamingError) => void;
}

/** Those who wait until everything is synchronized, each with its own deadline and signal. */
export class SyncedWaiters {
  readonly #clock: ClientClock;
  readonly #waiters = new Set<Waiter>();

  constructor(clock: ClientClock) {
    this.#clock = clock;
  }

  /**
   * Waits until the first `madeChanges` changes are settled and a question that is asked now is answered.
   *
   * @param ask gives the number of the question; not called if the signal is aborted already
   */
  wait({ timeoutMs, signal }: SyncedOptions, madeChanges: number, ask: () => number): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = timeoutMs === undefined ? undefined : this.#clock.after(timeoutMs, () => waiter.settle(tooLate()));
      const onAbort = (): void => waiter.settle(signal && cancelledBy(signal, SYNC_METHOD));
      const settle = (error?: StreamingError): void => {
        stop?.();
        signal?.removeEventListener("abort", onAbort);
        this.#waiters.delete(waiter);
        if (error === undefined) resolve();
        else reject(error);
      };
      const waiter: Waiter = { madeChanges, question: Infinity, settle };
      this.#waiters.add(waiter);
      signal?.addEventListener("abort", onAbort, { once: true });
      if (signal?.aborted === true) return onAbort();
      waiter.question = ask();
    });
  }

  /** There is a checkpoint. @param answered the last question that was answered before it */
  onCheckpoint(answered: number, isSettled: (madeChanges: number) => boolean): void {
    for (const waiter of this.#waiters) {
      if (answered >= waiter.question && isSettled(waiter.madeChanges)) waiter.settle();
    }
  }

  /** Nothing that anybody waits for will happen. */
  fail(error: StreamingError): void {
    for (const waiter of this.#waiters) waiter.settle(error);
  }
}

function tooLate(): StreamingError {
  return new DeadlineExceededError("the replica was not synchronized in time", { method: SYNC_METHOD });
}
