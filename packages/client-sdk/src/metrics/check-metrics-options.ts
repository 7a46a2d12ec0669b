import { MAX_EXPORT_METRICS } from "@millrace/shared-types";

import { CALL_NAMES, RESUME_NAMES } from "../check-options.js";
import { checkText, checkTextLists, checkTexts } from "../check-text.js";
import { checkNames, type NamesOf } from "../option-names.js";
import type {
  ListSeriesOptions,
  MetricSample,
  MetricsReporterOptions,
  QueryMetricsOptions,
  SendMetricsOptions,
  ValueSample,
} from "./types.js";

const SAMPLE_NAMES: ReadonlySet<string> = new Set<keyof ValueSample>([
  "name",
  "value",
  "labels",
  "timestamp",
  "kind",
  "unit",
  "weight",
  "distribution",
]);

const SEND: NamesOf<SendMetricsOptions> = {
  signal: "any",
  headers: "any",
  producerId: "any",
  firstSequence: "number",
  maxBatchSamples: "number",
  maxBatchBytes: "number",
  maxInFlight: "number",
  lingerMs: "number",
  onProgress: "any",
  resume: RESUME_NAMES,
};

const REPORTER: NamesOf<Omit<MetricsReporterOptions, "labels">> = {
  headers: "any",
  flushIntervalMs: "number",
  maxQueuedSamples: "number",
  maxQueuedBytes: "number",
  onFull: "any",
  closeTimeoutMs: "number",
  onError: "any",
  resume: RESUME_NAMES,
};

const QUERY: NamesOf<Omit<QueryMetricsOptions, "from" | "to">> = {
  signal: "any",
  headers: "any",
  idleTimeoutMs: "number",
  stepMs: "number",
  groupBy: "any",
  filter: "any",
  quantiles: "any",
};

const LIST_SERIES: NamesOf<ListSeriesOptions> = { ...CALL_NAMES, namePrefix: "any", filter: "any", pageSize: "number" };

const MAX_BATCH_BYTES: number = 2 * 1024 * 1024;
const MAX_IN_FLIGHT = 64;

/** Refuses a sample with a member that would be ignored, or that no message can hold. */
export function checkSample(sample: MetricSample): void {
  for (const name in sample) {
    if (!SAMPLE_NAMES.has(name)) throw new TypeError(`a sample has no '${name}'`);
  }
  const { name, labels = {}, unit = "", distribution } = sample;
  const { value = 0, weight = 1 } = distribution === undefined ? sample : {};
  if (distribution !== undefined && (sample.value !== undefined || sample.weight !== undefined)) {
    throw new TypeError("a sample has a value and a weight, or a distribution");
  }
  if (typeof name !== "string" || typeof unit !== "string") throw new TypeError("name and unit of a sample are texts");
  if (typeof value !== "number" || typeof weight !== "number") {
    throw new TypeError(`value and weight of a sample are numbers, not ${typeof value} and ${typeof weight}`);
  }
  checkTexts({ name, unit });
  checkLabels(labels);
}

export function checkSendOptions(options: SendMetricsOptions): void {
  checkNames(options, SEND);
  assertInteger("firstSequence", options.firstSequence, 1, Number.MAX_SAFE_INTEGER);
  assertInteger("maxBatchSamples", options.maxBatchSamples, 1, MAX_EXPORT_METRICS);
  assertInteger("maxBatchBytes", options.maxBatchBytes, 1, MAX_BATCH_BYTES);
  assertInteger("maxInFlight", options.maxInFlight, 1, MAX_IN_FLIGHT);
  checkTexts({ producerId: options.producerId });
  if (options.producerId === "") throw new TypeError("option 'producerId' is empty");
}

export function checkReporterOptions(options: MetricsReporterOptions): void {
  checkNames(options, { ...REPORTER, labels: "any" });
  checkLabels(options.labels ?? {});
  assertInteger("maxQueuedSamples", options.maxQueuedSamples, 1, Number.MAX_SAFE_INTEGER);
  const { onFull } = options;
  if (onFull !== undefined && onFull !== "drop-oldest" && onFull !== "drop-newest") {
    throw new TypeError(`option 'onFull' is ${JSON.stringify(onFull)}, not "drop-oldest" or "drop-newest"`);
  }
}

export function checkQueryOptions(name: string, options: QueryMetricsOptions): void {
  checkNames(options, { ...QUERY, from: "any", to: "any" });
  checkTexts({ name });
  checkTextLists({ groupBy: options.groupBy });
  assertInteger("stepMs", options.stepMs, 1, Number.MAX_SAFE_INTEGER);
  for (const end of ["from", "to"] as const) {
    const date: unknown = options[end];
    if (date !== undefined && !(date instanceof Date)) throw new TypeError(`option '${end}' is no Date`);
  }
}

export function checkListSeriesOptions(options: ListSeriesOptions): void {
  checkNames(options, LIST_SERIES);
  checkTexts({ namePrefix: options.namePrefix });
}

function checkLabels(labels: NonNullable<MetricSample["labels"]>): void {
  for (const label in labels) {
    if (typeof labels[label] !== "string")
      throw new TypeError(`label '${label}' is ${typeof labels[label]}, not a text`);
    checkText("the name of a label", label);
    checkText(`label ${JSON.stringify(label)}`, labels[label]);
  }
}

function assertInteger(name: string, value: number | undefined, least: number, most: number): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= least && value <= most)) return;
  throw new RangeError(`option '${name}' is ${String(value)}, not an integer from ${String(least)} to ${String(most)}`);
}
