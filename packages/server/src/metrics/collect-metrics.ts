import type { Metric, MetricsSummary } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import type { MetricsDeps } from "./metrics-deps.js";
import { SampleBatchDraft } from "./sample-batch.js";
import { sampleTimes } from "./sample-refusal.js";
import { storeBatch, type StoredBatch } from "./store-batch.js";
import { StreamProducer } from "./stream-producer.js";
import { StreamSummary } from "./summary.js";

/** Batches of one stream that are being stored at a time: with 256 KiB each, 4 MiB. */
const MAX_STORING = 16;

/** How long a sample waits for others to be stored with, if another one comes then, in milliseconds. */
const MAX_WAIT_MS = 1000;

/**
 * Stores a stream of samples, batch by batch, in constant memory, and answers once all of it is durable. What is
 * stored stays, however the stream ends; with a producer_id and sequences the same stream can be sent again. Samples
 * that are refused are counted, and the stream goes on.
 *
 * @throws ServiceError `PROTOCOL_VIOLATION` if the producer changes
 */
export async function collectMetrics(
  requests: AsyncIterable<Metric>,
  context: CallContext,
  deps: MetricsDeps,
): Promise<MetricsSummary> {
  const collection = new Collection(context, deps);
  for await (const metric of requests) {
    const waiting = collection.add(metric);
    if (waiting !== undefined) await waiting;
  }
  return collection.finish();
}

class Collection {
  readonly #deps: MetricsDeps;
  readonly #producer: StreamProducer;
  readonly #summary = new StreamSummary();
  readonly #storing: Promise<StoredBatch>[] = [];
  #batch: SampleBatchDraft | undefined;
  #batchBeganAtMs = 0;
  /** Of the next batch's first sample. */
  #index = 0;

  constructor(context: CallContext, deps: MetricsDeps) {
    this.#deps = deps;
    this.#producer = new StreamProducer(context);
  }

  /** Gives a promise if the next sample has to wait. */
  add(metric: Metric): Promise<void> | undefined {
    this.#producer.name(metric.producerId);
    const batch = (this.#batch ??= this.#begin());
    const { clock } = this.#deps;
    batch.add(metric, clock.now());
    const isDue = batch.isFull || clock.monotonicMs() - this.#batchBeganAtMs >= MAX_WAIT_MS;
    return isDue ? this.#flush(MAX_STORING - 1) : undefined;
  }

  async finish(): Promise<MetricsSummary> {
    await this.#flush(0);
    return this.#summary.message();
  }

  #begin(): SampleBatchDraft {
    const { clock, limits } = this.#deps;
    this.#batchBeganAtMs = clock.monotonicMs();
    const { isNamed: isNumbered } = this.#producer;
    const times = sampleTimes(clock.now(), limits);
    return new SampleBatchDraft({ firstIndex: this.#index, times, isNumbered });
  }

  /** Sends the batch on its way, and waits until no more than `most` are. */
  async #flush(most: number): Promise<void> {
    if (this.#batch !== undefined) {
      const storing = storeBatch(this.#batch, this.#producer.goOnTo(this.#batch.upTo), this.#deps);
      storing.catch(() => {}); // told when its turn comes
      this.#storing.push(storing);
      this.#index += this.#batch.size;
      this.#batch = undefined;
    }
    while (this.#storing.length > most) {
      const oldest = this.#storing.shift();
      if (oldest !== undefined) this.#summary.add(await oldest);
    }
  }
}
