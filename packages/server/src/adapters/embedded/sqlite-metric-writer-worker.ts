/** The thread that writes a SqliteMetricStore. It imports only node: modules and what does so too. */
import { workerData } from "node:worker_threads";

import { serveCommits } from "./sqlite-group-commit.js";
import { MetricAppender } from "./sqlite-metric-appender.js";
import { openForWriting } from "./sqlite-metric-database.js";
import { metricFailureOf } from "./sqlite-metric-failure.js";
import type {
  MetricFailure,
  MetricWorkerData,
  MetricWriteRequest,
  MetricWriteResults,
} from "./sqlite-metric-protocol.js";
import { MetricRemover } from "./sqlite-metric-remover.js";
import { SampleTables } from "./sqlite-metric-samples.js";
import { SeriesTable } from "./sqlite-metric-series.js";

const { path, maxSeries, maxPages, settleSamples } = workerData as MetricWorkerData;
const database = openForWriting(path, maxPages);
const series = new SeriesTable(database, maxSeries);
const samples = new SampleTables(database, settleSamples);
const appender = new MetricAppender(database, series, samples);
const remover = new MetricRemover(database, series, samples);

serveCommits<MetricWriteRequest, MetricFailure>(
  {
    database,
    path,
    run,
    flush: () => samples.settleIfMany(),
    forget() {
      series.forget();
      samples.load();
    },
    failureOf: metricFailureOf,
    unavailable: (message) => ({ kind: "unavailable", message }),
  },
  "ready",
);

function run(request: Exclude<MetricWriteRequest, { kind: "close" }>): MetricWriteResults[keyof MetricWriteResults] {
  switch (request.kind) {
    case "append":
      return request.batches.map((batch) => appender.append(batch, request.nowMs));
    case "settle":
      samples.settle();
      return undefined;
    case "sweep":
      return remover.sweep(request.beforeMs, request.afterId);
  }
}
