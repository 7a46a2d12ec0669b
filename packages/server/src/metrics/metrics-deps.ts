import type { Clock } from "../ports/clock.js";
import type { MetricStore } from "../ports/metric-store.js";
import type { PageTokens } from "../records/page-tokens.js";
import type { Logger } from "../rpc/logger.js";

/** What the metrics domain accepts and keeps. */
export interface MetricsLimits {
  /** Series that are kept at a time: samples of further ones are refused. */
  readonly maxMetricSeries: number;
  /** How long samples are kept, in milliseconds; older ones are refused. */
  readonly retentionMs: number;
  /** A filter, in characters. */
  readonly maxFilterChars: number;
}

/** What every operation on metrics works with. Made by `openMetrics`. */
export interface MetricsDeps {
  readonly store: MetricStore;
  readonly pageTokens: PageTokens;
  readonly clock: Clock;
  readonly limits: MetricsLimits;
  readonly logger: Logger;
}
