export type { MetricsApi } from "./metrics-api.js";
export type {
  ListSeriesOptions,
  MetricKind,
  MetricRejection,
  MetricSample,
  MetricSeries,
  MetricsReporter,
  MetricsReporterOptions,
  MetricsSummary,
  MetricStats,
  MetricWindow,
  QueryMetricsOptions,
  RecordOptions,
  SendMetricsOptions,
  SendMetricsProgress,
} from "./types.js";
