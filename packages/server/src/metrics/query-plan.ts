import {
  invalidField,
  MAX_METRIC_LABELS,
  MAX_QUERY_QUANTILES,
  MAX_QUERY_WINDOWS,
  msOfDuration,
  msOfTimestamp,
  type QueryMetricsRequest,
} from "@millrace/shared-types";

import { checkLimit } from "../events/check-limit.js";
import type { AggregatePlan } from "../ports/metric-store.js";

import type { MetricsDeps } from "./metrics-deps.js";
import { labelsOf, seriesFilterOf } from "./series-filter.js";

/** Series that are looked at at a time. */
const PAGE_SERIES = 1000;

/** What a query is about, checked. */
export interface QueryPlan extends AggregatePlan {
  /** For each group the labels that its series have in common. */
  readonly groupLabels: readonly ReadonlyMap<string, string>[];
}

/** @throws ServiceError `INVALID_FIELD`, `INVALID_FILTER` or `LIMIT_EXCEEDED` */
export async function queryPlanOf(
  request: QueryMetricsRequest,
  signal: AbortSignal,
  deps: MetricsDeps,
): Promise<QueryPlan> {
  const { name, groupBy, quantiles } = request;
  if (name === "") throw invalidField("name", "must be set");
  checkLimit("group_by", "max_metric_labels", MAX_METRIC_LABELS, groupBy.length);
  checkLimit("quantiles", "max_query_quantiles", MAX_QUERY_QUANTILES, quantiles.length);
  if (!quantiles.every((quantile) => quantile >= 0 && quantile <= 1)) {
    throw invalidField("quantiles", "must be from 0 to 1");
  }
  const range = rangeOf(request, deps);
  const grouping = new Grouping(groupBy, (range.endMs - range.startMs) / range.stepMs);
  const matches = seriesFilterOf(request.filter, deps.limits.maxFilterChars);
  for (let afterId = 0; ;) {
    signal.throwIfAborted();
    const page = await deps.store.series({ name, afterId, maxSeries: PAGE_SERIES });
    for (const series of page.series) if (matches(series)) grouping.add(series.id, labelsOf(series));
    if (page.exhausted) break;
    afterId = page.series.at(-1)?.id ?? Infinity;
  }
  return { ...range, quantiles, groups: grouping.groups, groupLabels: grouping.labels };
}

type Range = Pick<AggregatePlan, "startMs" | "endMs" | "stepMs">;

function rangeOf({ startTime, endTime, step }: QueryMetricsRequest, { clock, limits }: MetricsDeps): Range {
  const nowMs = clock.now();
  // What was taken in this millisecond counts too.
  const endMs = endTime === undefined ? nowMs + 1 : wholeMs("end_time", () => msOfTimestamp(endTime));
  const startMs =
    startTime === undefined ? nowMs - limits.retentionMs : wholeMs("start_time", () => msOfTimestamp(startTime));
  if (startMs > endMs) throw invalidField("start_time", "must not be after end_time");
  const wholeRangeMs = Math.max(1, endMs - startMs);
  const stepMs = step === undefined ? wholeRangeMs : wholeMs("step", () => msOfDuration(step));
  if (stepMs < 1) throw invalidField("step", "must be 1 ms or more");
  return { startMs, endMs, stepMs: Math.min(stepMs, wholeRangeMs) };
}

function wholeMs(field: string, read: () => number): number {
  try {
    return Math.floor(read());
  } catch (cause) {
    throw invalidField(field, cause instanceof Error ? cause.message : "is none");
  }
}

/** Puts series into groups by some of their labels. */
class Grouping {
  readonly groups: number[][] = [];
  readonly labels: Map<string, string>[] = [];
  readonly #groupBy: readonly string[];
  readonly #windows: number;
  readonly #indexes = new Map<string, number>();

  /** @param windows that each group may have */
  constructor(groupBy: readonly string[], windows: number) {
    this.#groupBy = groupBy;
    this.#windows = Math.ceil(windows);
  }

  add(seriesId: number, labels: ReadonlyMap<string, string>): void {
    const key = JSON.stringify(this.#groupBy.map((name) => labels.get(name) ?? null));
    const known = this.#indexes.get(key);
    if (known === undefined) this.#begin(key, labels);
    this.groups[known ?? this.groups.length - 1]?.push(seriesId);
  }

  #begin(key: string, labels: ReadonlyMap<string, string>): void {
    const windows = this.#windows * (this.groups.length + 1);
    checkLimit("step", "max_query_windows", MAX_QUERY_WINDOWS, windows);
    this.#indexes.set(key, this.groups.push([]) - 1);
    this.labels.push(new Map(this.#groupBy.flatMap((name) => labelOf(name, labels))));
  }
}

function labelOf(name: string, labels: ReadonlyMap<string, string>): readonly (readonly [string, string])[] {
  const value = labels.get(name);
  return value === undefined ? [] : [[name, value]];
}
