import type { Metric } from "@millrace/shared-types";

import type { ClientClock } from "../options.js";
import type { RequestSource } from "../rpc/rpc.js";
import { sizeOfMetric, toMetricMessage } from "./metric-message.js";
import type { MetricSample, SendMetricsOptions } from "./types.js";

const DEFAULT_BATCH_SAMPLES = 1000;
const DEFAULT_BATCH_BYTES: number = 256 * 1024;
const DEFAULT_LINGER_MS = 100;

/** Samples that are sent in one message, again and again until it is acknowledged. */
export interface MetricBatch {
  /** Number of the message, 1 for the first. */
  readonly requestId: number;
  /** Index of its first sample in what is sent. */
  readonly firstIndex: number;
  readonly metrics: readonly Metric[];
}

type Step = IteratorResult<MetricSample, unknown>;

/** Puts samples into batches, in order, and numbers them. Reads them as batches are asked for; holds one batch and one sample. */
export class MetricBatches {
  readonly #source: Iterator<MetricSample> | AsyncIterator<MetricSample>;
  readonly #clock: ClientClock;
  readonly #firstSequence: number;
  readonly #maxSamples: number;
  readonly #maxBytes: number;
  readonly #lingerMs: number;
  /** Was read and is in no batch yet. */
  #ahead: Metric | undefined;
  /** Is being read. */
  #reading: Promise<Step> | undefined;
  #read = 0;
  #given = 0;
  #lastRequestId = 0;
  #isOver = false;

  constructor(source: RequestSource<MetricSample>, clock: ClientClock, options: SendMetricsOptions) {
    const { firstSequence = 1, maxBatchSamples = DEFAULT_BATCH_SAMPLES, maxBatchBytes = DEFAULT_BATCH_BYTES } = options;
    this.#source = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    this.#clock = clock;
    this.#firstSequence = firstSequence;
    this.#maxSamples = maxBatchSamples;
    this.#maxBytes = maxBatchBytes;
    this.#lingerMs = options.lingerMs ?? DEFAULT_LINGER_MS;
  }

  /**
   * The next batch, as soon as it is full or its first sample has waited for long enough; `undefined` if there are no
   * more samples.
   *
   * @throws whatever the source throws, and for a sample that is none
   */
  async next(): Promise<MetricBatch | undefined> {
    const metrics: Metric[] = [];
    let bytes = 0;
    using linger = new Linger(this.#clock, this.#lingerMs);
    while (metrics.length < this.#maxSamples) {
      const metric = this.#ahead ?? (await this.#next(metrics.length > 0 ? linger : undefined));
      this.#ahead = metric;
      if (metric === undefined) break;
      bytes += sizeOfMetric(metric);
      if (bytes > this.#maxBytes && metrics.length > 0) break;
      metrics.push(metric);
      this.#ahead = undefined;
    }
    if (metrics.length === 0) return undefined;
    const firstIndex = this.#given;
    this.#given += metrics.length;
    return { requestId: ++this.#lastRequestId, firstIndex, metrics };
  }

  /** Closes the source. One that waits may never answer, so its answer is not waited for. */
  leave(): void {
    if (this.#isOver) return;
    try {
      void Promise.resolve(this.#source.return?.()).catch(() => undefined);
    } catch {
      // It is of no use any more.
    }
  }

  /** The next sample; `undefined` if there is none, or none until `linger` is over. */
  async #next(linger: Linger | undefined): Promise<Metric | undefined> {
    if (this.#isOver) return undefined;
    this.#reading ??= Promise.resolve(this.#source.next());
    const step = await (linger === undefined ? this.#reading : Promise.race([this.#reading, linger.over()]));
    if (step === undefined) return undefined;
    this.#reading = undefined;
    this.#isOver = step.done === true;
    return step.done === true ? undefined : toMetricMessage(step.value, this.#firstSequence + this.#read++);
  }
}

/** A timer that begins when it is first asked for. */
class Linger implements Disposable {
  readonly #clock: ClientClock;
  readonly #ms: number;
  #over: Promise<undefined> | undefined;
  #stop: () => void = () => {};

  constructor(clock: ClientClock, ms: number) {
    this.#clock = clock;
    this.#ms = ms;
  }

  over(): Promise<undefined> {
    this.#over ??= new Promise((resolve) => {
      this.#stop = this.#clock.after(this.#ms, () => resolve(undefined));
    });
    return this.#over;
  }

  [Symbol.dispose](): void {
    this.#stop();
  }
}
