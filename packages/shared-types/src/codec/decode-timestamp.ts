import type { Timestamp } from "#gen/google/protobuf/timestamp.js";

import type { FastReader } from "./fast-reader.js";

export function decodeTimestamp(reader: FastReader, end: number): Timestamp {
  const timestamp: Timestamp = { seconds: 0, nanos: 0 };
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 0x08) timestamp.seconds = reader.int64Number();
    else if (tag === 0x10) timestamp.nanos = reader.int32();
    else reader.skip(tag & 7);
  }
  return timestamp;
}
