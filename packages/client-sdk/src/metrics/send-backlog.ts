import type { StreamMetricsResponse } from "@millrace/shared-types";

import { InternalError } from "../errors.js";
import { cancelledBy } from "../files/cancelled-by.js";
import { unlessAborted } from "../files/unless-aborted.js";
import type { MetricBatch, MetricBatches } from "./metric-batches.js";
import { SendTally } from "./send-tally.js";
import type { SendMetricsOptions } from "./types.js";

const DEFAULT_IN_FLIGHT = 8;

export interface SendBacklogOptions extends Pick<SendMetricsOptions, "maxInFlight" | "onProgress"> {
  /** Named in errors. */
  readonly method: string;
  /** How far the producer was before; `undefined`: the server is to say. */
  readonly knownBefore: number | undefined;
}

/** The samples of one call: those that are not acknowledged, those that were not read yet, and what became of the others. */
export class SendBacklog {
  readonly tally: SendTally;
  /** How far the producer is, as the server has said last. */
  committedSequence = 0;
  /** What no further stream can mend: the source has failed, or who is told of progress, or a sample cannot be sent. */
  failure: { readonly error: unknown } | undefined;
  readonly #batches: MetricBatches;
  readonly #options: SendBacklogOptions;
  /** Sent, or about to be, and not acknowledged; in order. */
  readonly #inFlight = new Map<number, MetricBatch>();
  /** Under way: begun by one stream, it may end under the next. */
  #reading: Promise<void> | undefined;
  #knownBefore: number | undefined;
  #isRead = false;

  constructor(batches: MetricBatches, options: SendBacklogOptions) {
    this.#batches = batches;
    this.#options = options;
    this.#knownBefore = options.knownBefore;
    this.tally = new SendTally(options.method);
  }

  /** All samples are settled. */
  get isDone(): boolean {
    return this.#isRead && this.#inFlight.size === 0;
  }

  /** Whether the server has to say how far the producer is, before anything is sent. */
  get mustAsk(): boolean {
    return this.#knownBefore === undefined;
  }

  /** Whether a batch is being read. */
  get isReading(): boolean {
    return this.#reading !== undefined;
  }

  /** All samples are read. */
  get isRead(): boolean {
    return this.#isRead;
  }

  get hasRoom(): boolean {
    return this.#inFlight.size < (this.#options.maxInFlight ?? DEFAULT_IN_FLIGHT);
  }

  /** The first batch after a number that is not acknowledged. */
  inFlightAfter(requestId: number): MetricBatch | undefined {
    for (const batch of this.#inFlight.values()) if (batch.requestId > requestId) return batch;
    return undefined;
  }

  get isInFlight(): boolean {
    return this.#inFlight.size > 0;
  }

  /** Reads a batch, which is in flight then. Never rejects: see {@link failure}. */
  read(): Promise<void> {
    this.#reading ??= this.#read();
    return this.#reading;
  }

  /**
   * Waits until there is something to send, or nothing any more: no stream is needed before.
   *
   * @throws what the source has failed with, and CANCELLED if `signal` aborts
   */
  async readFirst(signal: AbortSignal | undefined): Promise<void> {
    if (!this.isInFlight && !this.#isRead && this.failure === undefined) await this.#readUnlessAborted(signal);
    if (this.failure !== undefined) throw this.failure.error;
  }

  /** @throws {InternalError} if the answer is that of no request */
  settle({ requestId, acceptedCount, duplicateCount, rejections, committedSequence }: StreamMetricsResponse): void {
    this.committedSequence = Math.max(this.committedSequence, committedSequence);
    if (this.#knownBefore === undefined) {
      this.#knownBefore = committedSequence;
      return;
    }
    const batch = this.#inFlight.get(requestId);
    const count = acceptedCount + duplicateCount + rejections.length;
    if (batch === undefined || count !== batch.metrics.length) {
      const message = `the server answered for ${String(count)} samples of request ${String(requestId)}, which has none such`;
      throw new InternalError(message, { method: this.#options.method, origin: "server" });
    }
    this.#inFlight.delete(requestId);
    this.tally.add(batch, rejections, this.#knownBefore);
    this.#tellProgress();
  }

  fail(error: unknown): void {
    this.failure ??= { error };
  }

  leave(): void {
    this.#batches.leave();
  }

  async #readUnlessAborted(signal: AbortSignal | undefined): Promise<void> {
    if (signal === undefined) return this.read();
    await unlessAborted(this.read(), signal).catch(() => {
      throw cancelledBy(signal, this.#options.method);
    });
  }

  async #read(): Promise<void> {
    try {
      const batch = await this.#batches.next();
      if (batch === undefined) this.#isRead = true;
      else this.#inFlight.set(batch.requestId, batch);
    } catch (error) {
      this.fail(error);
    }
    this.#reading = undefined;
  }

  #tellProgress(): void {
    try {
      this.#options.onProgress?.(this.tally.progress);
    } catch (error) {
      this.fail(error);
      throw error;
    }
  }
}
