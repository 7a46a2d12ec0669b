import { StreamControl } from "#gen/streaming/v1/common.js";
import { type Event, Event_AttributesEntry, type EventBatch } from "#gen/streaming/v1/event.js";
import type { BinaryReader } from "@bufbuild/protobuf/wire";

import { decodeTimestamp } from "./decode-timestamp.js";
import type { FastReader } from "./fast-reader.js";
import { setEntry } from "./set-entry.js";

const NO_BYTES = new Uint8Array(0);

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

export function decodeEvent(reader: FastReader, end: number): Event {
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
  if (tag === 0x4a) setEntry(event.attributes, Event_AttributesEntry.decode(generated, reader.uint32()));
  else if (tag === 0x52) event.key = reader.string();
  else if (tag === 0x58) event.tombstone = reader.bool();
  else if (tag === 0x62) event.contentType = reader.string();
  else if (tag === 0x6a) event.source = reader.string();
  else if (tag === 0x82) event.previousPayload = reader.bytes();
  else if (tag === 0x8a) event.control = StreamControl.decode(generated, reader.uint32());
  else reader.skip(tag & 7);
}

/** WatchEventBatchesResponse and ReadEventsResponse: both hold a batch and nothing else. */
export function decodeBatchResponse(reader: FastReader, end: number): { batch: EventBatch | undefined } {
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
