/** The thread that reads a SqliteMetricStore, beside the one that writes it. */
import { parentPort, workerData } from "node:worker_threads";

import { openForReading } from "./sqlite-metric-database.js";
import { metricFailureOf } from "./sqlite-metric-failure.js";
import type {
  MetricFailure,
  MetricReadRequest,
  MetricReadResults,
  MetricWorkerData,
} from "./sqlite-metric-protocol.js";
import { MetricReader } from "./sqlite-metric-reader.js";
import type { Answer, Numbered } from "./sqlite-thread.js";

const port = parentPort;
if (port === null) throw new Error("this file is a worker");

const database = openForReading((workerData as MetricWorkerData).path);
const reader = new MetricReader(database);

port.on("message", ({ id, request }: Numbered<MetricReadRequest>) => {
  try {
    answer({ id, result: run(request) });
  } catch (error) {
    answer({ id, failure: metricFailureOf(error) });
  }
});
port.postMessage("ready");

function run(request: MetricReadRequest): MetricReadResults[keyof MetricReadResults] {
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
    case "close":
      return close();
  }
}

function answer(message: Answer<MetricFailure>): void {
  port?.postMessage(message);
}

function close(): undefined {
  database.close();
  setImmediate(() => port?.close());
}
