import type { Timestamp } from "#gen/google/protobuf/timestamp.js";
import { StreamControl } from "#gen/streaming/v1/common.js";
import { type DataBatch, DataItem, DataItem_AttributesEntry } from "#gen/streaming/v1/dataset.js";
import { ListBatchesResponse } from "#gen/streaming/v1/dataset_service.js";
import { Event, Event_AttributesEntry, type EventBatch } from "#gen/streaming/v1/event.js";
import { ReadEventsResponse, WatchEventBatchesResponse } from "#gen/streaming/v1/event_service.js";
import { FileChecksums, FileChunk, FileInfo, FileSpec } from "#gen/streaming/v1/file.js";
import { Distribution, Metric, type Metric_LabelsEntry } from "#gen/streaming/v1/metric.js";
import { type ExportMetricsRequest, StreamMetricsRequest } from "#gen/streaming/v1/metric_service.js";
import type { BinaryReader } from "@bufbuild/protobuf/wire";

import type { MessageType } from "../service-definition.js";
import type { Decoder, FastReader } from "./fast-reader.js";

const DECODERS = new Map<unknown, Decoder<unknown>>([
  [DataItem, decodeDataItem],
  [Event, decodeEvent],
  [FileChunk, decodeFileChunk],
  [ListBatchesResponse, decodeListBatchesResponse],
  [Metric, decodeMetric],
  [ReadEventsResponse, decodeBatchResponse],
  [StreamMetricsRequest, decodeStreamMetricsRequest],
  [WatchEventBatchesResponse, decodeBatchResponse],
]);

/**
 * The decoders of the messages that streams are made of: what generated code does,
 * by hand, without its detour from int64 over bigint and text to number. The tests of
 * the codec hold every one of them against the generated code, field by field.
 */
export function fastDecoderOf<T>(type: MessageType<T>): Decoder<T> | undefined {
  return DECODERS.get(type) as Decoder<T> | undefined;
}

const NO_BYTES = new Uint8Array(0);

function emptyDataItem(): DataItem {
  return {
    id: "0",
    data: NO_BYTES,
    key: "",
    cursor: "",
    version: 0,
    updateTime: undefined,
    contentType: "",
    attributes: new Map(),
    control: undefined,
    name: "",
  };
}

function decodeDataItem(reader: FastReader, end: number): DataItem {
  const item = emptyDataItem();
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 0x08) item.id = reader.int64Text();
    else if (tag === 0x12) item.data = reader.bytes();
    else if (tag === 0x1a) item.key = reader.string();
    else if (tag === 0x28) item.version = reader.int64Number();
    else if (tag === 0x32) item.updateTime = reader.nested(decodeTimestamp);
    else if (tag === 0x3a) item.contentType = reader.string();
    else decodeRareItemField(item, tag, reader);
  }
  return item;
}

function decodeRareItemField(item: DataItem, tag: number, reader: FastReader): void {
  const generated = reader as unknown as BinaryReader;
  if (tag === 0x22) item.cursor = reader.string();
  else if (tag === 0x42) setAttribute(item.attributes, DataItem_AttributesEntry.decode(generated, reader.uint32()));
  else if (tag === 0x4a) item.control = StreamControl.decode(generated, reader.uint32());
  else if (tag === 0x52) item.name = reader.string();
  else reader.skip(tag & 7);
}

/** ListBatchesResponse: it holds a batch and nothing else. */
function decodeListBatchesResponse(reader: FastReader, end: number): ListBatchesResponse {
  const response: ListBatchesResponse = { batch: undefined };
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 0x0a) response.batch = reader.nested(decodeDataBatch);
    else reader.skip(tag & 7);
  }
  return response;
}

function decodeDataBatch(reader: FastReader, end: number): DataBatch {
  const batch: DataBatch = { items: [], cursor: "", rowCount: 0, progress: 0, control: undefined };
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 0x0a) batch.items.push(reader.nested(decodeDataItem));
    else if (tag === 0x12) batch.cursor = reader.string();
    else if (tag === 0x18) batch.rowCount = reader.int64Number();
    else if (tag === 0x21) batch.progress = reader.double();
    else if (tag === 0x3a) batch.control = StreamControl.decode(reader as unknown as BinaryReader, reader.uint32());
    else reader.skip(tag & 7);
  }
  return batch;
}

function emptyEvent(): Event {
  return {
    id: "",
    type: "",
    payload: NO_BYTES,
    timestamp: undefined,
    sequence: 0,
    stream: "",
    streamRevision: 0,
    resumeToken: "",
    attributes: new Map(),
    key: "",
    tombstone: false,
    contentType: "",
    source: "",
    publishTime: undefined,
    previousPayload: undefined,
    control: undefined,
  };
}

function decodeEvent(reader: FastReader, end: number): Event {
  const event = emptyEvent();
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 0x0a) event.id = reader.string();
    else if (tag === 0x12) event.type = reader.string();
    else if (tag === 0x1a) event.payload = reader.bytes();
    else if (tag === 0x22) event.timestamp = reader.nested(decodeTimestamp);
    else if (tag === 0x28) event.sequence = reader.int64Number();
    else if (tag === 0x32) event.stream = reader.string();
    else if (tag === 0x38) event.streamRevision = reader.int64Number();
    else if (tag === 0x42) event.resumeToken = reader.string();
    else if (tag === 0x72) event.publishTime = reader.nested(decodeTimestamp);
    else decodeRareEventField(event, tag, reader);
  }
  return event;
}

/** What not every event has. */
function decodeRareEventField(event: Event, tag: number, reader: FastReader): void {
  const generated = reader as unknown as BinaryReader;
  if (tag === 0x4a) setAttribute(event.attributes, Event_AttributesEntry.decode(generated, reader.uint32()));
  else if (tag === 0x52) event.key = reader.string();
  else if (tag === 0x58) event.tombstone = reader.bool();
  else if (tag === 0x62) event.contentType = reader.string();
  else if (tag === 0x6a) event.source = reader.string();
  else if (tag === 0x82) event.previousPayload = reader.bytes();
  else if (tag === 0x8a) event.control = StreamControl.decode(generated, reader.uint32());
  else reader.skip(tag & 7);
}

function setAttribute(
  attributes: Map<string, string>,
  { key, value }: { readonly key: string; readonly value: string },
): void {
  attributes.set(key, value);
}

/** WatchEventBatchesResponse and ReadEventsResponse: both hold a batch and nothing else. */
function decodeBatchResponse(reader: FastReader, end: number): { batch: EventBatch | undefined } {
  const response: { batch: EventBatch | undefined } = { batch: undefined };
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 0x0a) response.batch = reader.nested(decodeEventBatch);
    else reader.skip(tag & 7);
  }
  return response;
}

function decodeEventBatch(reader: FastReader, end: number): EventBatch {
  const batch: EventBatch = { events: [], resumeToken: "", control: undefined };
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 0x0a) batch.events.push(reader.nested(decodeEvent));
    else if (tag === 0x12) batch.resumeToken = reader.string();
    else if (tag === 0x1a) batch.control = StreamControl.decode(reader as unknown as BinaryReader, reader.uint32());
    else reader.skip(tag & 7);
  }
  return batch;
}

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

function decodeMetric(reader: FastReader, end: number): Metric {
  const metric = emptyMetric();
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 0x0a) metric.name = reader.string();
    else if (tag === 0x11) metric.value = reader.double();
    else if (tag === 0x1a) setAttribute(metric.labels, reader.nested(decodeLabel));
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

function decodeStreamMetricsRequest(reader: FastReader, end: number): StreamMetricsRequest {
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

function decodeTimestamp(reader: FastReader, end: number): Timestamp {
  const timestamp: Timestamp = { seconds: 0, nanos: 0 };
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 0x08) timestamp.seconds = reader.int64Number();
    else if (tag === 0x10) timestamp.nanos = reader.int32();
    else reader.skip(tag & 7);
  }
  return timestamp;
}

function emptyFileChunk(): FileChunk {
  return {
    content: NO_BYTES,
    offset: 0,
    totalSize: 0,
    filename: "",
    crc32c: undefined,
    uploadId: "",
    finishWrite: false,
    spec: undefined,
    checksums: undefined,
    info: undefined,
    flush: false,
    queryStatus: false,
  };
}

function decodeFileChunk(reader: FastReader, end: number): FileChunk {
  const chunk = emptyFileChunk();
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 0x0a) chunk.content = reader.bytes();
    else if (tag === 0x10) chunk.offset = reader.int64Number();
    else if (tag === 0x18) chunk.totalSize = reader.int64Number();
    else if (tag === 0x22) chunk.filename = reader.string();
    else if (tag === 0x2d) chunk.crc32c = reader.fixed32();
    else decodeRareField(chunk, tag, reader);
  }
  return chunk;
}

/** What comes in the first or the last chunk of a file. */
function decodeRareField(chunk: FileChunk, tag: number, reader: FastReader): void {
  const generated = reader as unknown as BinaryReader;
  if (tag === 0x32) chunk.uploadId = reader.string();
  else if (tag === 0x38) chunk.finishWrite = reader.bool();
  else if (tag === 0x42) chunk.spec = FileSpec.decode(generated, reader.uint32());
  else if (tag === 0x4a) chunk.checksums = FileChecksums.decode(generated, reader.uint32());
  else if (tag === 0x52) chunk.info = FileInfo.decode(generated, reader.uint32());
  else if (tag === 0x58) chunk.flush = reader.bool();
  else if (tag === 0x60) chunk.queryStatus = reader.bool();
  else reader.skip(tag & 7);
}
