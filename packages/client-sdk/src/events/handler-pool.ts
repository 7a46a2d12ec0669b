import type { Delivery as WireDelivery } from "@millrace/shared-types";

import { present } from "../files/file-info.js";
import type { ClientClock } from "../options.js";
import { deferred, type Deferred } from "../rpc/deferred.js";
import { toWatchedEvent } from "./received-event.js";
import type { ConsumerStats, EventHandler } from "./subscription-types.js";
import type { WatchedEvent } from "./types.js";
import { isChosen, type Verdict, verdictOf } from "./verdict.js";

/** An event that this consumer is not done with. */
interface Work {
  readonly event: WatchedEvent;
  readonly attempt: number;
  readonly controller: AbortController;
  /** Names the attempt to the server; `undefined` if that counts for nothing any more. */
  ackId: string | undefined;
  state: "waiting" | "running" | "answered";
  verdict: Verdict | undefined;
  /** The server has given up the attempt. */
  isExpired: boolean;
  /** When others may have the event although its handler still runs, in milliseconds since 1970. */
  overdueAt: number;
}

export interface HandlerPoolOptions {
  readonly handler: EventHandler;
  readonly clock: ClientClock;
  readonly concurrency: number;
  readonly maxHandlerMs: number;
  /** Lost verdicts that are remembered at most. */
  readonly maxInFlight: number;
  /** A handler has come to a verdict that the server is to be told. */
  readonly onVerdict: (ackId: string, verdict: Verdict) => void;
  readonly onExpired: (event: WatchedEvent) => void;
  readonly onHandlerError: (error: unknown, event: WatchedEvent) => void;
}

/**
 * Runs a handler over the events that are delivered, so many at a time, and knows what became of each: an
 * event that comes again while it is handled, or because the answer was lost with its stream, is not
 * handled twice here. Holds what the server allows to be in flight.
 */
export class HandlerPool {
  readonly #options: HandlerPoolOptions;
  /** By sequence. */
  readonly #works = new Map<number, Work>();
  readonly #byAckId = new Map<string, Work>();
  /** In the order in which they came. */
  readonly #waiting = new Set<Work>();
  /** By sequence: verdicts that were lost with their stream. */
  readonly #untold = new Map<number, Verdict>();
  readonly #busyKeys = new Set<string>();
  readonly #counts = { handled: 0, acknowledged: 0, failed: 0, expired: 0 };
  #running = 0;
  #isOrdered = false;
  #isStopped = false;
  #idle: Deferred<void> | undefined;

  constructor(options: HandlerPoolOptions) {
    this.#options = options;
  }

  get stats(): ConsumerStats {
    return { ...this.#counts, running: this.#running };
  }

  /** Events of one key go one after the other. */
  set isOrdered(isOrdered: boolean) {
    this.#isOrdered = isOrdered;
  }

  deliver({ ackId, event, deliveryAttempt }: WireDelivery): void {
    const wireEvent = present(event, "delivery.event");
    const { sequence } = wireEvent;
    const known = this.#works.get(sequence);
    if (known !== undefined && known.state !== "answered") return this.#adopt(known, ackId);
    const verdict = this.#untold.get(sequence);
    if (this.#isStopped && verdict === undefined) return;
    this.#untold.delete(sequence);
    const work = newWork(toWatchedEvent(wireEvent), deliveryAttempt);
    this.#works.set(sequence, work);
    this.#adopt(work, ackId);
    if (verdict !== undefined) return this.#answer(work, verdict);
    this.#waiting.add(work);
    this.#startSome();
  }

  /** What was said about these is durable. */
  confirmed(ackIds: readonly string[]): void {
    for (const ackId of ackIds) {
      const work = this.#take(ackId);
      if (work?.verdict?.kind === "done") this.#counts.acknowledged++;
      if (work !== undefined) this.#drop(work);
    }
  }

  /** These attempts are over: their events come again, here or elsewhere. */
  expired(ackIds: readonly string[]): void {
    for (const ackId of ackIds) {
      const work = this.#take(ackId);
      if (work === undefined) continue;
      work.ackId = undefined;
      work.isExpired = true;
      if (work.state !== "running") this.#drop(work);
      if (work.state === "answered") this.#tellExpired(work);
    }
  }

  /** The attempts whose deadline is to be moved. Handlers that take too long are told that theirs is not. */
  toExtend(): readonly string[] {
    const now = this.#options.clock.now();
    const ackIds: string[] = [];
    for (const { state, ackId, overdueAt, controller } of this.#works.values()) {
      if (now >= overdueAt) controller.abort(new DOMException("the handler takes too long", "TimeoutError"));
      else if (state !== "answered" && ackId !== undefined) ackIds.push(ackId);
    }
    return ackIds;
  }

  /** The stream is gone: the server will deliver again, here or elsewhere, what it has not heard of. */
  lost(): void {
    this.#byAckId.clear();
    for (const work of this.#works.values()) {
      work.ackId = undefined;
      if (work.state === "running") continue;
      this.#drop(work);
      if (work.verdict !== undefined) this.#remember(work, work.verdict);
    }
  }

  /** Starts no more handlers. */
  stop(): void {
    this.#isStopped = true;
    for (const work of this.#waiting) this.#drop(work);
  }

  /** Starts no more handlers, and tells those that run that their results do not count. */
  abort(reason: unknown): void {
    this.stop();
    for (const { controller } of this.#works.values()) controller.abort(reason);
  }

  /** Resolves when no handler runs. */
  idle(): Promise<void> {
    if (this.#running === 0) return Promise.resolve();
    this.#idle ??= deferred();
    return this.#idle.promise;
  }

  /** From now on the answer goes to this attempt. */
  #adopt(work: Work, ackId: string): void {
    if (work.ackId !== undefined) this.#byAckId.delete(work.ackId);
    work.ackId = ackId;
    work.isExpired = false;
    this.#byAckId.set(ackId, work);
  }

  #startSome(): void {
    for (const work of this.#waiting) {
      if (this.#running >= this.#options.concurrency) return;
      if (!this.#busyKeys.has(keyOf(work))) void this.#run(work);
    }
  }

  /** Never rejects. */
  async #run(work: Work): Promise<void> {
    this.#waiting.delete(work);
    this.#running++;
    this.#counts.handled++;
    work.state = "running";
    work.overdueAt = this.#options.clock.now() + this.#options.maxHandlerMs;
    const key = keyOf(work);
    if (this.#isOrdered && key !== "") this.#busyKeys.add(key);
    this.#answer(work, await this.#handle(work));
    this.#busyKeys.delete(key);
    this.#running--;
    this.#startSome();
    if (this.#running > 0) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  async #handle({ event, attempt, controller }: Work): Promise<Verdict> {
    try {
      await this.#options.handler(event, { attempt, signal: controller.signal });
      return { kind: "done" };
    } catch (error) {
      this.#counts.failed++;
      if (!isChosen(error)) this.#options.onHandlerError(error, event);
      return verdictOf(error);
    }
  }

  #answer(work: Work, verdict: Verdict): void {
    work.state = "answered";
    work.verdict = verdict;
    if (work.ackId !== undefined) return this.#options.onVerdict(work.ackId, verdict);
    this.#drop(work);
    if (work.isExpired) this.#tellExpired(work);
    else this.#remember(work, verdict);
  }

  /** An event that is to come again needs no memory. */
  #remember({ event: { sequence } }: Work, verdict: Verdict): void {
    if (verdict.kind === "retry") return;
    this.#untold.set(sequence, verdict);
    const [oldest] = this.#untold.keys();
    if (this.#untold.size > this.#options.maxInFlight && oldest !== undefined) this.#untold.delete(oldest);
  }

  #take(ackId: string): Work | undefined {
    const work = this.#byAckId.get(ackId);
    this.#byAckId.delete(ackId);
    return work;
  }

  #drop(work: Work): void {
    const { sequence } = work.event;
    this.#waiting.delete(work);
    if (this.#works.get(sequence) === work) this.#works.delete(sequence);
  }

  #tellExpired({ verdict, event }: Work): void {
    if (verdict?.kind !== "done") return;
    this.#counts.expired++;
    this.#options.onExpired(event);
  }
}

function newWork(event: WatchedEvent, attempt: number): Work {
  return {
    event,
    attempt,
    controller: new AbortController(),
    ackId: undefined,
    state: "waiting",
    verdict: undefined,
    isExpired: false,
    overdueAt: Infinity,
  };
}

/** Empty for an event without a key. */
function keyOf({ event: { stream, key } }: Work): string {
  return key === "" ? "" : JSON.stringify([stream, key]);
}
