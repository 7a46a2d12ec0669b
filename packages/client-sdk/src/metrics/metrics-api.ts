import type { ResumingRpc } from "../rpc/resuming-rpc.js";
import type { RequestSource } from "../rpc/rpc.js";
import { listSeries } from "./list-series.js";
import { queryMetrics } from "./query.js";
import { reporter } from "./reporter.js";
import { sendMetrics } from "./send.js";
import type {
  ListSeriesOptions,
  MetricSample,
  MetricSeries,
  MetricsReporter,
  MetricsReporterOptions,
  MetricsSummary,
  MetricWindow,
  QueryMetricsOptions,
  SendMetricsOptions,
} from "./types.js";

/** What the operations on metrics are made of. */
export type MetricsDeps = ResumingRpc;

/** Samples of metrics on the server. */
export interface MetricsApi {
  /**
   * Stores samples, however many; reads `samples` as they are needed, and holds `maxInFlight + 1` messages. Goes on by
   * itself after lost connections and restarts of the server, so that each sample is stored once. A sample that the
   * server refuses is counted in the summary, and is not an error.
   *
   * @returns what became of all samples, once they are durable
   * @throws {StreamingError} if the server cannot be reached for too long, or cannot store them (RESOURCE_EXHAUSTED);
   *   CANCELLED if `signal` aborts; RESOURCE_EXHAUSTED (`message-too-large`) for a sample of some MiB. Samples that are not acknowledged then may be stored or not: the same samples
   *   sent again under the same `producerId` are stored once
   * @throws {TypeError} for a sample that is none
   * @throws whatever `samples` throws
   */
  send(samples: RequestSource<MetricSample>, options?: SendMetricsOptions): Promise<MetricsSummary>;
  /** Opens a reporter, which sends samples in the background. Dispose of it in the end. */
  reporter(options?: MetricsReporterOptions): MetricsReporter;
  /**
   * Aggregates stored samples: group by group, in each the windows in order of time, without empty ones. Sees every
   * sample that was acknowledged before. Holds one window. A loop that loses its connection fails: query again.
   *
   * @throws {StreamingError} from the loop: INVALID_ARGUMENT for a filter that is none, and for too many windows
   *   (LIMIT_EXCEEDED); RESOURCE_EXHAUSTED (RATE_LIMITED) if too many queries are under way
   */
  query(name: string, options?: QueryMetricsOptions): AsyncIterable<MetricWindow>;
  /** All series in the order in which they began, fetched page by page as the loop goes on. */
  series(options?: ListSeriesOptions): AsyncIterable<MetricSeries>;
}

/** The object behind `client.metrics`. */
export function createMetricsApi(deps: MetricsDeps): MetricsApi {
  return {
    send: (samples, options) => sendMetrics(deps, samples, options),
    reporter: (options) => reporter(deps, options),
    query: (name, options) => queryMetrics(deps, name, options),
    series: (options) => listSeries(deps, options),
  };
}
