/** Checksums of records. Imports only node: modules. */
import { crc32 as crc32Of } from "node:zlib";

/** Up to this length, in bytes, a loop takes less time than a native call: about 0.6 ns a byte against 200 ns. */
const SHORT_BYTES = 320;

/** Bytes that a turn of the loop takes. */
const STRIDE = 16;

/** By how many bytes of zeros follow it, what a byte adds. */
const TABLES: readonly Int32Array[] = tables();
const [T0, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14, T15] = TABLES as unknown as readonly [
  ...Quadruple,
  ...Quadruple,
  ...Quadruple,
  ...Quadruple,
];
type Quadruple = readonly [Int32Array, Int32Array, Int32Array, Int32Array];

/** The CRC-32 of a part of what `view` shows, as zlib has it; the part must be inside. */
export function crc32(view: DataView, begin: number, end: number): number {
  if (end - begin > SHORT_BYTES) return crc32Of(new Uint8Array(view.buffer, view.byteOffset + begin, end - begin));
  return shortCrc32(view, begin, end);
}

/** What {@link crc32} reads of a buffer. */
export function viewOf({ buffer, byteOffset, byteLength }: Buffer): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** "Slicing by 16", with words that are read as one. */
function shortCrc32(view: DataView, begin: number, end: number): number {
  let crc = -1;
  let at = begin;
  for (; at + STRIDE <= end; at += STRIDE) {
    crc =
      word(crc ^ view.getInt32(at, true), T12, T13, T14, T15) ^
      word(view.getInt32(at + 4, true), T8, T9, T10, T11) ^
      word(view.getInt32(at + 8, true), T4, T5, T6, T7) ^
      word(view.getInt32(at + 12, true), T0, T1, T2, T3);
  }
  for (; at + 4 <= end; at += 4) crc = word(crc ^ view.getInt32(at, true), T0, T1, T2, T3);
  for (; at < end; at += 1) crc = entry(T0, crc ^ view.getUint8(at)) ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** What four bytes add, the last of which the first table is for. */
function word(bytes: number, a: Int32Array, b: Int32Array, c: Int32Array, d: Int32Array): number {
  return entry(d, bytes) ^ entry(c, bytes >>> 8) ^ entry(b, bytes >>> 16) ^ entry(a, bytes >>> 24);
}

function entry(table: Int32Array, index: number): number {
  return table[index & 0xff] as number;
}

function tables(): Int32Array[] {
  const first = Int32Array.from({ length: 256 }, (_, byte) => afterBits(byte));
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
