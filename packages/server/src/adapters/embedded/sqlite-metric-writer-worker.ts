/**
 * The thread that writes a SqliteMetricStore. It imports only node: modules and what does so too.
 *
 * Group commit: all that queued up while one transaction ran shares the next one, and its one fsync.
 */
import { parentPort, workerData } from "node:worker_threads";

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
import type { Answer, Numbered } from "./sqlite-thread.js";

type WriteTask = Numbered<Exclude<MetricWriteRequest, { kind: "close" }>>;

const port = parentPort;
if (port === null) throw new Error("this file is a worker");

const { path, maxSeries, maxPages, settleSamples } = workerData as MetricWorkerData;
const database = openForWriting(path, maxPages);
const series = new SeriesTable(database, maxSeries);
const samples = new SampleTables(database, settleSamples);
const appender = new MetricAppender(database, series, samples);
const remover = new MetricRemover(database, series, samples);

const queue: WriteTask[] = [];
/** Set once the database could not be made durable: nothing is acknowledged after that. */
let broken: MetricFailure | undefined;
/** The request to close, once it has come. */
let closing: number | undefined;

port.on("message", ({ id, request }: Numbered<MetricWriteRequest>) => {
  if (request.kind !== "close") return enqueue({ id, request });
  closing = id;
  if (queue.length === 0) close(id);
});
port.postMessage("ready");

function enqueue(task: WriteTask): void {
  queue.push(task);
  if (queue.length === 1) setImmediate(runQueued); // after all messages that have come in
}

function runQueued(): void {
  for (const answer of transact(queue.splice(0))) port?.postMessage(answer);
  if (queue.length === 0 && closing !== undefined) close(closing);
}

/** Does all of the group or nothing. */
function transact(group: readonly WriteTask[]): readonly Answer<MetricFailure>[] {
  if (broken !== undefined) return failAll(group, broken);
  try {
    database.exec("BEGIN IMMEDIATE");
    const answers = group.map(({ id, request }) => ({ id, result: run(request) }));
    samples.settleIfMany();
    database.exec("COMMIT");
    return answers;
  } catch (error) {
    return failAll(group, abandonTransaction(error));
  }
}

function run(request: WriteTask["request"]): MetricWriteResults[keyof MetricWriteResults] {
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

/** A full disk is over once there is space. After anything else nobody knows what is on the disk. */
function abandonTransaction(error: unknown): MetricFailure {
  const failure = metricFailureOf(error);
  if (failure.kind !== "full") broken = { kind: "unavailable", message: String(error) };
  try {
    if (database.isTransaction) database.exec("ROLLBACK");
    series.forget();
    samples.load();
  } catch (rollbackError) {
    broken = { kind: "unavailable", message: String(rollbackError) };
  }
  return broken ?? failure;
}

function failAll(group: readonly WriteTask[], failure: MetricFailure): Answer<MetricFailure>[] {
  return group.map(({ id }) => ({ id, failure }));
}

function close(id: number): void {
  database.close();
  port?.postMessage({ id } satisfies Answer<MetricFailure>);
  port?.close();
}
