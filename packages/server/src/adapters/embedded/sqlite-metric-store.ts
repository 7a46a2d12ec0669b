import { open } from "node:fs/promises";

import { ServiceError } from "@millrace/shared-types";

import { type Clock, systemClock } from "../../ports/clock.js";
import {
  type AggregatePlan,
  type BatchResult,
  type MetricStore,
  type MetricStoreLimits,
  ProducerGap,
  type SampleBatch,
  type SeriesPage,
  type SeriesScan,
  type WindowAggregate,
} from "../../ports/metric-store.js";

import { BatchQueue } from "./sqlite-batch-queue.js";
import { packBatch, packedBytes, type PackedResult } from "./sqlite-metric-batches.js";
import { metricsUnavailable } from "./sqlite-metric-errors.js";
import { checkHeader, HEADER_BYTES } from "./sqlite-metric-format.js";
import type {
  MetricFailure,
  MetricReadRequest,
  MetricReadResults,
  MetricWorkerData,
  MetricWriteRequest,
  MetricWriteResults,
} from "./sqlite-metric-protocol.js";
import { MetricThread } from "./sqlite-metric-thread.js";
import type { LossListener, SqliteThread } from "./sqlite-thread.js";

export interface SqliteMetricStoreOptions extends MetricStoreLimits {
  /** Says when producers were heard of. Default: the machine's. */
  readonly clock?: Clock;
  /** Size of the database, in pages of 4 KiB, from which on the disk counts as full. Default: none. For tests. */
  readonly maxPages?: number;
  /** Told once that nothing can be written any more. Default: nobody. */
  readonly onLost?: LossListener | undefined;
  /** Samples that are sorted at a time. Default: 131,072; for tests. */
  readonly settleSamples?: number;
}

const SETTLE_SAMPLES = 131_072;

/** Aggregations under way at a time: each holds up to 5 MiB in the reading thread. */
const MAX_AGGREGATIONS = 16;

type Writer = SqliteThread<MetricWriteRequest, MetricWriteResults, MetricFailure>;
type Reader = SqliteThread<MetricReadRequest, MetricReadResults, MetricFailure>;

/**
 * Metrics in a SQLite database (write-ahead log, `synchronous=FULL`). One thread writes: all batches that come in
 * while one transaction runs share the next one, and its one fsync. Another one aggregates beside it. Both are started
 * when they are first needed: a server without metrics does not wait for them.
 *
 * A full disk fails the batches that meet it, and aggregations: they first sort what is new. After any other failure
 * to write, nothing more is acknowledged or aggregated until the store is opened anew.
 */
export class SqliteMetricStore implements MetricStore {
  readonly #writer: MetricThread<MetricWriteRequest, MetricWriteResults>;
  readonly #reader: MetricThread<MetricReadRequest, MetricReadResults>;
  readonly #batches: BatchQueue<SampleBatch, BatchResult | ProducerGap>;
  #lastAggregation = 0;
  #aggregations = 0;
  /** The series after which the sweep goes on. */
  #sweptTo = 0;
  #closed: Promise<void> | undefined;

  private constructor(workerData: MetricWorkerData, clock: Clock, onLost: LossListener | undefined) {
    this.#writer = new MetricThread("sqlite-metric-writer-worker", workerData, onLost);
    this.#reader = new MetricThread("sqlite-metric-reader-worker", workerData);
    this.#batches = new BatchQueue(packedBytes, async (batches) => {
      const writer: Writer = await this.#writer.started();
      const packed = batches.map(packBatch);
      const results = await writer.ask<"append">({ kind: "append", batches: packed, nowMs: clock.now() });
      return results.map(gapOr);
    });
  }

  /**
   * Opens the database at `path`, which is made (readable by this user only) when it is first used.
   *
   * @throws Error if it is not a database or was written by a newer version
   */
  static async open(
    path: string,
    { clock = systemClock, maxSeries, maxPages, settleSamples = SETTLE_SAMPLES, onLost }: SqliteMetricStoreOptions,
  ): Promise<SqliteMetricStore> {
    const file = await open(path, "a+", 0o600); // SQLite gives its other files the same mode
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
      if (bytesRead > 0) checkHeader(buffer); // what the threads would find out only when they are needed
    } finally {
      await file.close();
    }
    const workerData = { path, maxSeries, settleSamples, ...(maxPages !== undefined && { maxPages }) };
    return new SqliteMetricStore(workerData, clock, onLost);
  }

  async append(batch: SampleBatch): Promise<BatchResult> {
    this.#checkOpen();
    const result = await this.#batches.push(batch);
    if (result instanceof ProducerGap) throw result;
    return result;
  }

  async series(scan: SeriesScan): Promise<SeriesPage> {
    this.#checkOpen();
    const reader = await this.#openReader();
    return reader.ask<"series">({ kind: "series", scan });
  }

  async lastTimes(seriesIds: readonly number[]): Promise<readonly (number | undefined)[]> {
    this.#checkOpen();
    await this.#settle();
    const reader = await this.#openReader();
    return reader.ask<"lastTimes">({ kind: "lastTimes", seriesIds });
  }

  async *aggregate(plan: AggregatePlan): AsyncGenerator<readonly WindowAggregate[], void, undefined> {
    this.#checkOpen();
    if (this.#aggregations >= MAX_AGGREGATIONS) throw tooManyAggregations();
    this.#aggregations += 1;
    try {
      await this.#settle();
      yield* this.#steps(await this.#openReader(), plan);
    } finally {
      this.#aggregations -= 1;
    }
  }

  async sweep(beforeMs: number): Promise<number> {
    this.#checkOpen();
    const writer = await this.#writer.started();
    for (;;) {
      const step = await writer.ask<"sweep">({ kind: "sweep", beforeMs, afterId: this.#sweptTo });
      this.#sweptTo = step.afterId ?? 0;
      if (step.removed > 0 || step.afterId === undefined) return step.removed;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async *#steps(reader: Reader, plan: AggregatePlan): AsyncGenerator<readonly WindowAggregate[], void, undefined> {
    const id = ++this.#lastAggregation;
    try {
      let { windows, isDone } = await reader.ask<"aggregate">({ kind: "aggregate", id, plan });
      if (windows.length > 0) yield windows;
      while (!isDone) {
        ({ windows, isDone } = await reader.ask<"aggregate">({ kind: "aggregate", id }));
        if (windows.length > 0) yield windows;
      }
    } finally {
      reader.ask<"leave">({ kind: "leave", id }).catch(() => {}); // it ended: nothing is left to forget
    }
  }

  /** Has all that was acknowledged moved to where it is read. */
  async #settle(): Promise<void> {
    const writer = await this.#writer.started();
    await writer.ask<"settle">({ kind: "settle" });
  }

  /** The writer makes the tables that it reads. */
  async #openReader(): Promise<Reader> {
    await this.#writer.started();
    return this.#reader.alive();
  }

  async #close(): Promise<void> {
    await this.#batches.drain();
    await this.#reader.close({ kind: "close" });
    await this.#writer.close({ kind: "close" });
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) throw metricsUnavailable("the store is closed");
  }
}

function gapOr(result: PackedResult): BatchResult | ProducerGap {
  return "gap" in result ? new ProducerGap(result.gap.after, result.gap.committed) : result;
}

function tooManyAggregations(): ServiceError {
  const message = `${String(MAX_AGGREGATIONS)} queries of metrics are under way already`;
  return new ServiceError("RATE_LIMITED", message, { metadata: { quota: "metric_queries" }, retryAfterMs: 500 });
}
