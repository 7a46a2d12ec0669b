import type { Timestamp } from "#gen/google/protobuf/timestamp.js";
import { DataItem } from "#gen/streaming/v1/dataset.js";
import { Event } from "#gen/streaming/v1/event.js";
import { FileChecksums, FileChunk, FileInfo, FileSpec } from "#gen/streaming/v1/file.js";
import type { BinaryReader } from "@bufbuild/protobuf/wire";

import type { MessageType } from "../service-definition.js";
import type { Decoder, FastReader } from "./fast-reader.js";

const DECODERS = new Map<unknown, Decoder<unknown>>([
  [DataItem, decodeDataItem],
  [Event, decodeEvent],
  [FileChunk, decodeFileChunk],
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

function decodeDataItem(reader: FastReader, end: number): DataItem {
  const item: DataItem = { id: "0", data: NO_BYTES };
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 0x08) item.id = reader.int64Text();
    else if (tag === 0x12) item.data = reader.bytes();
    else reader.skip(tag & 7);
  }
  return item;
}

function decodeEvent(reader: FastReader, end: number): Event {
  const event: Event = { id: "", type: "", payload: NO_BYTES, timestamp: undefined };
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 0x0a) event.id = reader.string();
    else if (tag === 0x12) event.type = reader.string();
    else if (tag === 0x1a) event.payload = reader.bytes();
    else if (tag === 0x22) event.timestamp = reader.nested(decodeTimestamp);
    else reader.skip(tag & 7);
  }
  return event;
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
