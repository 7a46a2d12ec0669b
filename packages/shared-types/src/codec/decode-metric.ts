import { Distribution, type Metric, type Metric_LabelsEntry } from "#gen/streaming/v1/metric.js";
import type { ExportMetricsRequest, StreamMetricsRequest } from "#gen/streaming/v1/metric_service.js";
import type { BinaryReader } from "@bufbuild/protobuf/wire";

import { decodeTimestamp } from "./decode-timestamp.js";
import type { FastReader } from "./fast-reader.js";
import { setEntry } from "./set-entry.js";

function emptyMetric(): Metric {
  return {
    name: "",
    value: 0,
    labels: new Map(),
    timestamp: undefined,
    kind: 0,
    unit: "",
    producerId: "",
    sequence: 0,
    weight: 0,
    distribution: undefined,
  };
}

export function decodeMetric(reader: FastReader, end: number): Metric {
  const metric = emptyMetric();
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 0x0a) metric.name = reader.string();
    else if (tag === 0x11) metric.value = reader.double();
    else if (tag === 0x1a) setEntry(metric.labels, reader.nested(decodeLabel));
    else if (tag === 0x22) metric.timestamp = reader.nested(decodeTimestamp);
    else if (tag === 0x40) metric.sequence = reader.int64Number();
    else decodeRareMetricField(metric, tag, reader);
  }
  return metric;
}

function decodeRareMetricField(metric: Metric, tag: number, reader: FastReader): void {
  if (tag === 0x28) metric.kind = reader.int32() as Metric["kind"];
  else if (tag === 0x32) metric.unit = reader.string();
  else if (tag === 0x3a) metric.producerId = reader.string();
  else if (tag === 0x49) metric.weight = reader.double();
  else if (tag === 0x52) metric.distribution = Distribution.decode(reader as unknown as BinaryReader, reader.uint32());
  else reader.skip(tag & 7);
}

function decodeLabel(reader: FastReader, end: number): Metric_LabelsEntry {
  const entry: Metric_LabelsEntry = { key: "", value: "" };
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 0x0a) entry.key = reader.string();
    else if (tag === 0x12) entry.value = reader.string();
    else reader.skip(tag & 7);
  }
  return entry;
}

export function decodeStreamMetricsRequest(reader: FastReader, end: number): StreamMetricsRequest {
  const request: StreamMetricsRequest = { requestId: 0, export: undefined };
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 0x08) request.requestId = reader.int64Number();
    else if (tag === 0x12) request.export = reader.nested(decodeExportMetricsRequest);
    else reader.skip(tag & 7);
  }
  return request;
}

function decodeExportMetricsRequest(reader: FastReader, end: number): ExportMetricsRequest {
  const request: ExportMetricsRequest = { metrics: [], producerId: "" };
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 0x0a) request.metrics.push(reader.nested(decodeMetric));
    else if (tag === 0x12) request.producerId = reader.string();
    else reader.skip(tag & 7);
  }
  return request;
}
