export { DistributionRecorder } from "./distribution-recorder.js";
export type { MetricsApi } from "./metrics-api.js";
export type {
  DistributionSample,
  ListSeriesOptions,
  MetricDistribution,
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
  ValueSample,
} from "./types.js";
