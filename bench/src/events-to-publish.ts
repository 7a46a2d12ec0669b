import { Event } from "@millrace/shared-types";

const PAYLOAD = Buffer.alloc(200, "x");

let made = 0;

/** Events of 200 bytes of payload. Their ids begin with the time when they were made: see {@link ageMs}. */
export function eventsToPublish(count: number): Event[] {
  const now = process.hrtime.bigint();
  return Array.from({ length: count }, () =>
    Event.fromPartial({ id: `${String(now)}-${String(++made)}`, type: "order.created", payload: PAYLOAD }),
  );
}

/** How long ago an event was made, from its bytes as a server sends them, in milliseconds; on the same machine only. */
export function ageMs(bytes: Buffer, start: number): number {
  // Field 1, the id, comes first: tag, length, text.
  const text = bytes.toString("latin1", start + 2, start + 2 + (bytes[start + 1] ?? 0));
  const madeAt = BigInt(text.slice(0, text.indexOf("-")));
  return Number(process.hrtime.bigint() - madeAt) / 1e6;
}
