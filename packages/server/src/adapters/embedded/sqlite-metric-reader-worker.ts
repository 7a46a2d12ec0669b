/** The thread that reads a SqliteMetricStore, beside the one that writes it. */
import { workerData } from "node:worker_threads";

import { openForReading } from "./sqlite-metric-database.js";
import { metricFailureOf } from "./sqlite-metric-failure.js";
import type {
  MetricFailure,
  MetricReadRequest,
  MetricReadResults,
  MetricWorkerData,
} from "./sqlite-metric-protocol.js";
import { MetricReader } from "./sqlite-metric-reader.js";
import { serveReads } from "./sqlite-reads.js";

const database = openForReading((workerData as MetricWorkerData).path);
const reader = new MetricReader(database);

serveReads<MetricReadRequest, MetricFailure>({ database, run, failureOf: metricFailureOf });

function run(request: Exclude<MetricReadRequest, { kind: "close" }>): MetricReadResults[keyof MetricReadResults] {
  switch (request.kind) {
    case "series":
      return reader.series(request.scan);
    case "lastTimes":
      return reader.lastTimes(request.seriesIds);
    case "aggregate":
      return reader.aggregate(request.id, request.plan);
    case "leave":
      reader.leave(request.id);
      return undefined;
  }
}
