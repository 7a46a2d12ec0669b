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
  content.writeBigUInt64LE(process.hrtime.bigint());
  return content;
}

/** How long ago a payload was made, by any process of this machine, in milliseconds. */
export function ageOf(payload: Uint8Array): number {
  const madeAt = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).readBigUInt64LE();
  return Number(process.hrtime.bigint() - madeAt) / 1e6;
}
