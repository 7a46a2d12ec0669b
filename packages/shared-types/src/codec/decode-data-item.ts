import { StreamControl } from "#gen/streaming/v1/common.js";
import { type DataBatch, type DataItem, DataItem_AttributesEntry } from "#gen/streaming/v1/dataset.js";
import type { ListBatchesResponse } from "#gen/streaming/v1/dataset_service.js";
import type { BinaryReader } from "@bufbuild/protobuf/wire";

import { decodeTimestamp } from "./decode-timestamp.js";
import type { FastReader } from "./fast-reader.js";
import { setEntry } from "./set-entry.js";

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

export function decodeDataItem(reader: FastReader, end: number): DataItem {
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
  else if (tag === 0x42) setEntry(item.attributes, DataItem_AttributesEntry.decode(generated, reader.uint32()));
  else if (tag === 0x4a) item.control = StreamControl.decode(generated, reader.uint32());
  else if (tag === 0x52) item.name = reader.string();
  else reader.skip(tag & 7);
}

/** ListBatchesResponse: it holds a batch and nothing else. */
export function decodeListBatchesResponse(reader: FastReader, end: number): ListBatchesResponse {
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
