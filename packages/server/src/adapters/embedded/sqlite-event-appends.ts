/** Appends on their way to the writing thread. Runs in that too: imports only node: modules and what does so too. */
import type { Append } from "../../ports/event-log.js";

import { viewOf } from "./crc32.js";
import { EventRecord } from "./sqlite-event-record.js";
import { RecordWriter } from "./sqlite-event-record-writer.js";

/** What a record takes beside its content, about. */
const RECORD_BYTES = 256;

/** What an append takes when it is packed, about, in bytes. */
export function packedBytes({ events }: Append): number {
  return events.reduce((sum, { head, payload }) => sum + RECORD_BYTES + head.length + payload.length, 16);
}

/** Packs appends: of each the expected revision (-1 for none), the number of its events, and these. */
export function packAppends(appends: readonly Append[]): ArrayBuffer {
  const records = new RecordWriter(appends.reduce((sum, append) => sum + packedBytes(append), 0));
  for (const { stream, expectedRevision = -1, events } of appends) {
    records.addNumber(expectedRevision);
    records.addNumber(events.length);
    for (const event of events) records.add({ ...event, stream });
  }
  return records.finish();
}

/** An append as the writing thread sees it. */
export interface PackedAppend {
  readonly expectedRevision: number | undefined;
  readonly records: readonly EventRecord[];
}

/** The appends in a buffer that {@link packAppends} made. */
export function unpackAppends(appends: ArrayBuffer): PackedAppend[] {
  const buffer = Buffer.from(appends);
  const view = viewOf(buffer);
  const unpacked: PackedAppend[] = [];
  for (let at = 0; at < buffer.length;) {
    const expected = buffer.readDoubleLE(at);
    const count = buffer.readDoubleLE(at + 8);
    at += 16;
    const records = Array.from({ length: count }, () => {
      const record = new EventRecord(buffer, at, view);
      at = record.end;
      return record;
    });
    unpacked.push({ expectedRevision: expected < 0 ? undefined : expected, records });
  }
  return unpacked;
}
