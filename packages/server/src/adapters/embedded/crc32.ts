/** Checksums of records. Imports only node: modules. */
import { crc32 as crc32Of } from "node:zlib";

/** Up to this length, in bytes, a loop takes less time than a native call: about 1 ns a byte against 150 ns. */
const SHORT_BYTES = 192;

/** Bytes that a turn of the loop takes. */
const STRIDE = 8;

/** By how many bytes of zeros follow it, what a byte adds. */
const TABLES: readonly Uint32Array[] = tables();
const [T0, T1, T2, T3, T4, T5, T6, T7] = TABLES as unknown as readonly [
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
];

/** The CRC-32 of a part of a buffer, as zlib has it; the part must be inside. */
export function crc32(buffer: Buffer, begin: number, end: number): number {
  if (end - begin > SHORT_BYTES) return crc32Of(new Uint8Array(buffer.buffer, buffer.byteOffset + begin, end - begin));
  return shortCrc32(buffer, begin, end);
}

/** "Slicing by 8". */
function shortCrc32(buffer: Buffer, begin: number, end: number): number {
  const byte = (index: number): number => buffer[index] as number;
  const entry = (table: Uint32Array, index: number): number => table[index & 0xff] as number;
  let crc = -1;
  let at = begin;
  for (; at + STRIDE <= end; at += STRIDE) {
    const low = crc ^ (byte(at) | (byte(at + 1) << 8) | (byte(at + 2) << 16) | (byte(at + 3) << 24));
    crc =
      entry(T7, low) ^
      entry(T6, low >>> 8) ^
      entry(T5, low >>> 16) ^
      entry(T4, low >>> 24) ^
      entry(T3, byte(at + 4)) ^
      entry(T2, byte(at + 5)) ^
      entry(T1, byte(at + 6)) ^
      entry(T0, byte(at + 7));
  }
  for (; at < end; at += 1) crc = entry(T0, crc ^ byte(at)) ^ (crc >>> 8);
  return ~crc >>> 0;
}

function tables(): Uint32Array[] {
  const first = Uint32Array.from({ length: 256 }, (_, byte) => afterBits(byte));
  const all = [first];
  for (let last = first; all.length < STRIDE; all.push(last)) {
    last = last.map((crc) => (crc >>> 8) ^ (first[crc & 0xff] as number));
  }
  return all;
}

/** The polynomial of zlib, lowest bit first. */
function afterBits(byte: number): number {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb8_8320 ^ (crc >>> 1) : crc >>> 1;
  return crc;
}
