import type { Clock } from "../../ports/clock.js";

import { coalesced } from "./coalesced.js";
import type { Consumer } from "./consumer.js";
import type { Delivery } from "./delivery.js";
import type { Ledger } from "./ledger.js";
import type { SubscriptionConfig } from "./subscription-config.js";
import type { LoadedWork, WorkQueue } from "./work-queue.js";

/** What a consumer says about deliveries. */
export type Verdict =
  | { readonly kind: "done" }
  | { readonly kind: "park"; readonly reason: string }
  | { readonly kind: "retry"; readonly reason: string; /** Unset: the subscription's. */ readonly delayMs?: number };

export interface OutcomesOptions {
  readonly config: SubscriptionConfig;
  readonly clock: Clock;
  readonly queue: WorkQueue;
  readonly ledger: Ledger;
  /** Called when something has become durable. */
  readonly onWritten: () => void;
  /** Called when that is not possible; nothing is written after it. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * What becomes of attempts. In memory that is so at once; consumers are told, and the next event of a key is
 * let go, when it is durable. One write goes on at a time, and takes in all that happened before it began.
 */
export class Outcomes {
  readonly #options: OutcomesOptions;
  /** Since the last write began. */
  #settled: LoadedWork[] = [];
  #answers: (() => void)[] = [];
  #isStopped = false;
  /** Makes durable what has happened so far. Never rejects: see `onFailure`. */
  readonly write: () => Promise<void> = coalesced(() => this.#writeOnce());

  constructor(options: OutcomesOptions) {
    this.#options = options;
  }

  /** Begins no further write. */
  stop(): void {
    this.#isStopped = true;
  }

  /** What a consumer said about deliveries. */
  judge(consumer: Consumer, deliveries: readonly Delivery[], verdict: Verdict): void {
    for (const { ackId, work } of deliveries) {
      this.#apply(verdict, work);
      this.#answers.push(() => consumer.settled(ackId));
    }
    if (deliveries.length > 0) void this.write();
  }

  /** Another attempt after `delayMs` (unset: the subscription's delay), unless this was the last one. */
  tryAgain(work: LoadedWork, delayMs: number | undefined, reason: string): void {
    if (!this.countAttempt(work, reason)) return;
    const { config, clock, queue } = this.#options;
    const nowMs = clock.monotonicMs();
    work.notBeforeMs = nowMs + (delayMs ?? retryDelayMs(config, work.attempts));
    queue.putBack(work, nowMs);
  }

  /** An attempt ended in vain. Returns whether there may be another; the event is parked otherwise. */
  countAttempt(work: LoadedWork, reason: string): boolean {
    const { config, ledger } = this.#options;
    work.attempts += 1;
    ledger.touch(work);
    void this.write();
    if (config.maxDeliveryAttempts === 0 || work.attempts < config.maxDeliveryAttempts) return true;
    this.#park(work, reason);
    return false;
  }

  #apply(verdict: Verdict, work: LoadedWork): void {
    switch (verdict.kind) {
      case "done":
        return this.#settle(work);
      case "park":
        work.attempts += 1;
        return this.#park(work, verdict.reason);
      case "retry":
        return this.tryAgain(work, verdict.delayMs, verdict.reason);
    }
  }

  #park(work: LoadedWork, reason: string): void {
    this.#options.ledger.park(work, reason);
    this.#settle(work);
  }

  #settle(work: LoadedWork): void {
    this.#options.ledger.touch(work);
    this.#options.queue.settle(work);
    this.#settled.push(work);
  }

  async #writeOnce(): Promise<void> {
    if (this.#isStopped) return;
    const { clock, queue, ledger, onWritten, onFailure } = this.#options;
    const [settled, answers] = [this.#settled, this.#answers];
    [this.#settled, this.#answers] = [[], []];
    try {
      await ledger.write();
    } catch (error) {
      return onFailure(error);
    }
    if (this.#isStopped) return;
    for (const work of settled) queue.release(work, clock.monotonicMs());
    for (const answer of answers) answer();
    onWritten();
  }
}

/** The delay doubles with each attempt. */
function retryDelayMs({ minRetryDelayMs, maxRetryDelayMs }: SubscriptionConfig, attempts: number): number {
  return Math.min(maxRetryDelayMs, minRetryDelayMs * 2 ** (attempts - 1));
}
