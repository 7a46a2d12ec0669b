import { DataItem } from "#gen/streaming/v1/dataset.js";
import { ListBatchesResponse } from "#gen/streaming/v1/dataset_service.js";
import { Event } from "#gen/streaming/v1/event.js";
import { ReadEventsResponse, WatchEventBatchesResponse } from "#gen/streaming/v1/event_service.js";
import { FileChunk } from "#gen/streaming/v1/file.js";
import { Metric } from "#gen/streaming/v1/metric.js";
import { StreamMetricsRequest } from "#gen/streaming/v1/metric_service.js";

import type { MessageType } from "../service-definition.js";
import { decodeDataItem, decodeListBatchesResponse } from "./decode-data-item.js";
import { decodeBatchResponse, decodeEvent } from "./decode-event.js";
import { decodeFileChunk } from "./decode-file-chunk.js";
import { decodeMetric, decodeStreamMetricsRequest } from "./decode-metric.js";
import type { Decoder } from "./fast-reader.js";

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
