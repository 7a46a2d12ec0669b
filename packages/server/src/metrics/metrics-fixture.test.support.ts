import {
  createTokenSigner,
  type ItemError,
  Metric,
  type MetricsSummary,
  type PartialMessage,
  QueryMetricsRequest,
  type QueryMetricsResponse,
} from "@millrace/shared-types";

import { MemoryMetricStore } from "../adapters/memory/memory-metric-store.js";
import { contextOf } from "../files/files-fixture.test.support.js";
import type { MetricStore } from "../ports/metric-store.js";
import { ManualClock } from "../testing/manual-clock.js";

import { collectMetrics } from "./collect-metrics.js";
import type { MetricsDeps, MetricsLimits } from "./metrics-deps.js";
import { type Metrics, openMetrics } from "./open-metrics.js";
import { queryMetrics } from "./query-metrics.js";

export const NOW_MS: number = Date.UTC(2026, 0, 1);

/** The metrics domain for a test, by default in memory, with a clock that the test moves. */
export interface MetricsFixture extends AsyncDisposable {
  readonly metrics: Metrics;
  readonly store: MetricStore;
  readonly clock: ManualClock;
}

/** Opens a {@link MetricsFixture}. */
export function openMetricsFixture(
  limits: Partial<MetricsLimits> = {},
  storeOf: (store: MetricStore) => MetricStore = (store) => store,
): MetricsFixture {
  const clock = new ManualClock(NOW_MS);
  const store = storeOf(new MemoryMetricStore({ clock, maxSeries: limits.maxMetricSeries ?? 100_000 }));
  const tokenSigner = createTokenSigner(Buffer.alloc(32, 1));
  const metrics = openMetrics({ metrics: store, tokenSigner, clusterId: "c1", clock, limits });
  return { metrics, store, clock, [Symbol.asyncDispose]: () => metrics[Symbol.asyncDispose]() };
}

/** A store whose `append` does something else first. */
export function withAppend(store: MetricStore, before: () => Promise<void>): MetricStore {
  return {
    async append(batch) {
      await before();
      return store.append(batch);
    },
    series: (scan) => store.series(scan),
    lastTimes: (seriesIds) => store.lastTimes(seriesIds),
    aggregate: (plan) => store.aggregate(plan),
    sweep: (beforeMs) => store.sweep(beforeMs),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

/** A sample with defaults for what is left out. */
export function sample(fields: PartialMessage<Metric> = {}): Metric {
  return Metric.fromPartial({ name: "m", value: 1, ...fields });
}

/** Samples whose values are given, numbered from `from` on by a producer. */
export function numberedSamples(producerId: string, from: number, values: readonly number[]): Metric[] {
  return values.map((value, index) => sample({ value, sequence: from + index, ...(index === 0 && { producerId }) }));
}

export async function* streamOf<T>(messages: Iterable<T>): AsyncGenerator<T> {
  yield* messages;
}

/** Samples as one stream of CollectMetrics. */
export function collect(deps: MetricsDeps, samples: Iterable<Metric>, caller?: string): Promise<MetricsSummary> {
  return collectMetrics(streamOf(samples), contextOf(caller), deps);
}

export async function query(
  deps: MetricsDeps,
  request: PartialMessage<QueryMetricsRequest> = {},
): Promise<QueryMetricsResponse[]> {
  const responses: QueryMetricsResponse[] = [];
  const stream = queryMetrics(QueryMetricsRequest.fromPartial({ name: "m", ...request }), contextOf(), deps);
  for await (const response of stream) responses.push(response);
  return responses;
}

/** The moment `ms` after {@link NOW_MS}. */
export function at(ms: number): { readonly seconds: number; readonly nanos: number } {
  const timeMs = NOW_MS + ms;
  return { seconds: Math.floor(timeMs / 1000), nanos: (timeMs % 1000) * 1_000_000 };
}

/** What is wrong, as `index: message`. */
export function messagesOf(rejections: readonly ItemError[]): string[] {
  return rejections.map(({ index, status }) => `${String(index)}: ${status?.message ?? ""}`);
}
