import type { TokenSigner } from "@millrace/shared-types";

import { type Clock, systemClock } from "../ports/clock.js";
import type { MetricStore } from "../ports/metric-store.js";
import { PageTokens } from "../records/page-tokens.js";
import { type Logger, silentLogger } from "../rpc/logger.js";

import type { MetricsDeps, MetricsLimits } from "./metrics-deps.js";
import { resolveMetricsLimits } from "./metrics-limits.js";
import { metricsUpkeep } from "./upkeep.js";

export interface MetricsOptions {
  /** Opened with the `maxMetricSeries` of `limits`. */
  readonly metrics: MetricStore;
  /** Signs page tokens. */
  readonly tokenSigner: TokenSigner;
  /** Names the data: a page token of another cluster is refused. */
  readonly clusterId: string;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Default: samples are kept for 15 days. */
  readonly limits?: Partial<MetricsLimits>;
  /** Default: none. */
  readonly log?: Logger;
}

/** The metrics domain, running. Disposing of it stops its upkeep; the store stays open. */
export interface Metrics extends MetricsDeps, AsyncDisposable {}

/** Opens the metrics domain over a store, and from then on removes what has had its time. */
export function openMetrics(options: MetricsOptions): Metrics {
  const { metrics: store, tokenSigner, clusterId, clock = systemClock, log: logger = silentLogger } = options;
  const limits = resolveMetricsLimits("limits", options.limits);
  const deps: MetricsDeps = { store, pageTokens: new PageTokens(tokenSigner, clusterId), clock, limits, logger };
  const upkeep = metricsUpkeep(deps);
  return { ...deps, [Symbol.asyncDispose]: () => upkeep[Symbol.asyncDispose]() };
}
