import { randomFillSync } from "node:crypto";

/** Distinguishes the ids of one millisecond: 12 bits. */
const MAX_COUNT = 0xfff;

const RANDOM_BYTES = 8;

const random: Uint8Array = new Uint8Array(512 * RANDOM_BYTES);
let randomOffset = random.byteLength;
let lastMs = 0;
let count = 0;

/**
 * A UUIDv7 (RFC 9562), greater than all that this process made before, also if the clock is set back.
 *
 * @param nowMs milliseconds since 1970
 */
export function newEventId(nowMs: number = Date.now()): string {
  if (nowMs > lastMs) {
    lastMs = nowMs;
    count = 0;
  } else if (++count > MAX_COUNT) {
    lastMs++;
    count = 0;
  }
  const time = lastMs.toString(16).padStart(12, "0");
  const tail = randomTail();
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(count, 3)}-${tail.slice(0, 4)}-${tail.slice(4)}`;
}

/** The variant and 62 random bits, as 16 hexadecimal digits. Random bytes are fetched for 512 ids at a time: that is most of the cost. */
function randomTail(): string {
  if (randomOffset === random.byteLength) {
    randomFillSync(random);
    randomOffset = 0;
  }
  const bytes = Buffer.from(random.buffer, randomOffset, RANDOM_BYTES);
  randomOffset += RANDOM_BYTES;
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x80;
  return bytes.toString("hex");
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
