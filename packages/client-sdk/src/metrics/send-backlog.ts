import type { StreamMetricsResponse } from "@millrace/shared-types";

import { InternalError } from "../errors.js";
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
  /** What the source, or who is told of progress, has failed with. */
  failure: { readonly error: unknown } | undefined;
  readonly #batches: MetricBatches;
  readonly #options: SendBacklogOptions;
  /** Sent, or about to be, and not acknowledged; in order. */
  readonly #inFlight = new Map<number, MetricBatch>();
  /** Is being read: begun by one stream, it may be taken by the next. */
  #reading: Promise<MetricBatch | undefined> | undefined;
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

  /** All samples are read. */
  get isRead(): boolean {
    return this.#isRead;
  }

  get hasRoom(): boolean {
    return this.#inFlight.size < (this.#options.maxInFlight ?? DEFAULT_IN_FLIGHT);
  }

  /** What is not acknowledged, in order. */
  get inFlight(): readonly MetricBatch[] {
    return [...this.#inFlight.values()];
  }

  get isInFlight(): boolean {
    return this.#inFlight.size > 0;
  }

  /** Reads a batch; resolves when it is read, when there are no more, or with the source's failure. Never rejects. */
  read(): Promise<void> {
    this.#reading ??= this.#batches.next();
    return this.#reading.then(ignore, ignore);
  }

  /** The batch that {@link read} has read, which is in flight from now on; `undefined` if there is none. */
  async take(): Promise<MetricBatch | undefined> {
    try {
      const batch = await this.#reading;
      this.#reading = undefined;
      if (batch === undefined) this.#isRead = true;
      else this.#inFlight.set(batch.requestId, batch);
      return batch;
    } catch (error) {
      this.failure ??= { error };
      throw error;
    }
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

  leave(): void {
    this.#batches.leave();
  }

  #tellProgress(): void {
    try {
      this.#options.onProgress?.(this.tally.progress);
    } catch (error) {
      this.failure ??= { error };
      throw error;
    }
  }
}

function ignore(): void {}
