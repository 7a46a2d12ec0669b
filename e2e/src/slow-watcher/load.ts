/** What a publisher offers. */
export interface Load {
  readonly eventsPerSecond: number;
  /** One event after the other is of the next of so many types. */
  readonly types: number;
  readonly ms: number;
}

const CONTENT_BYTES = 200;

/** A payload that begins with the time when it was made. */
export function contentNow(): Buffer {
  const content = Buffer.alloc(CONTENT_BYTES);
  content.writeDoubleLE(nowMs());
  return content;
}

/** How long ago a payload was made, by any process of this machine, in milliseconds. */
export function ageOf(payload: Uint8Array): number {
  return nowMs() - Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).readDoubleLE();
}

/** The same for all processes of this machine, in milliseconds. A number: 100,000 of them a second are no work for the collector. */
function nowMs(): number {
  return performance.timeOrigin + performance.now();
}
