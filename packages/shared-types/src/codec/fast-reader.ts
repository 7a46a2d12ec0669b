import { isUtf8 } from "node:buffer";

import { BinaryReader } from "@bufbuild/protobuf/wire";

import { MAX_MESSAGE_ELEMENTS } from "../limits.js";

/** What generated code may call on a reader. */
type Reader = Pick<BinaryReader, keyof BinaryReader>;

/** Reads the fields of one message, up to `end`. */
export type Decoder<T> = (reader: FastReader, end: number) => T;

/** Reads that each nested message may bring uncounted, beside its own tag and length: a tag is one, a number another. */
const FREE_READS = 16;

/** Strings up to this length are read by a loop while they are ASCII: cheaper than a native call. */
const SHORT_STRING = 20;

/** Two words make a bigint here: much faster than arithmetic. */
const WORDS = new DataView(new ArrayBuffer(8));

const TWO_POW_32 = 0x1_0000_0000;
const NOTHING = Buffer.alloc(0) as SliceableBuffer;

/** What `toString("utf8", start, end)` calls in the end: without its checks a short text takes a tenth less. */
interface SliceableBuffer extends Buffer {
  utf8Slice(start: number, end: number): string;
}

/**
 * Reads what @bufbuild/protobuf's BinaryReader reads, faster, and refuses what that
 * lets pass: text that is not UTF-8, groups, field number 0, messages that end
 * before or after their length, varints beyond 64 bits, and messages with so
 * many elements that decoding them would stall the process.
 *
 * `bytes` are views of the buffer.
 */
export class FastReader implements Reader {
  pos = 0;
  len = 0;
  #buf: SliceableBuffer = NOTHING;
  /** Tag of the field whose value comes next; 0 if a tag comes next. */
  #tag = 0;
  /** Where the length that was read last ends: a nested message, or a packed field, which holds values without tags. */
  #lengthEnd = 0;
  #depth = 0;
  /** Where the messages that are being read must end, outermost first. */
  readonly #ends: number[] = [];
  #torn = false;
  #messagesLeft = 0;
  #readsLeft = 0;
  /** High 32 bits of the varint that `#varint` read. */
  #high = 0;

  /** Starts on a new message. */
  open(data: Uint8Array): void {
    this.#buf = (
      Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    ) as SliceableBuffer;
    this.pos = 0;
    this.len = data.length;
    this.#tag = 0;
    this.#lengthEnd = 0;
    this.#depth = 0;
    this.#torn = false;
    this.#messagesLeft = MAX_MESSAGE_ELEMENTS;
    this.#readsLeft = MAX_MESSAGE_ELEMENTS;
  }

  /** Lets go of the message's bytes. */
  close(): void {
    this.#buf = NOTHING;
  }

  /** @throws if the message, or one in it, did not end where its length says */
  assertWhole(): void {
    if (this.#torn || this.pos !== this.len) throw new Error("a message does not end where its length says");
  }

  /**
   * Generated code counts the depth of nesting on the reader, under this name: up
   * where a message begins, down where it ends (also when it ends by a throw).
   */
  get __tsProtoDecodeDepth(): number {
    return this.#depth;
  }

  set __tsProtoDecodeDepth(depth: number) {
    if (depth > this.#depth) this.#enter();
    else this.#leave();
  }

  #enter(): void {
    if (this.#depth === 0) this.#ends[0] = this.len;
    else this.#enterNested();
    this.#depth += 1;
  }

  #enterNested(): void {
    this.#ends[this.#depth] = this.#lengthEnd;
    this.#lengthEnd = 0;
    this.#readsLeft += 2 + FREE_READS;
    this.#messagesLeft -= 1;
    if (this.#messagesLeft < 0) throw tooManyElements();
  }

  #leave(): void {
    this.#depth -= 1;
    if (this.pos !== this.#ends[this.#depth]) this.#torn = true;
  }

  /** Reads the whole message. */
  whole<T>(decode: Decoder<T>): T {
    return this.#read(decode, this.len);
  }

  /** Reads a nested message, from its length on. */
  nested<T>(decode: Decoder<T>): T {
    const end = this.uint32() + this.pos;
    return this.#read(decode, end);
  }

  #read<T>(decode: Decoder<T>, end: number): T {
    this.#enter();
    const message = decode(this, end);
    this.#leave();
    return message;
  }

  tag(): [number, number] {
    const tag = this.uint32();
    return [tag >>> 3, tag & 7];
  }

  /** Skips the value of a field that is not known, and returns its bytes. */
  skip(wireType: number): Uint8Array {
    this.#tag = 0;
    const start = this.pos;
    if (wireType === 0) this.#varint();
    else if (wireType === 1) this.#step(8);
    else if (wireType === 2) this.#step(this.#varint());
    else if (wireType === 5) this.#step(4);
    else throw unsupported(wireType);
    return this.#buf.subarray(start, this.pos);
  }

  /** Generated code calls this for tags and lengths as well as for uint32 values: which one it is, follows from the last. */
  uint32(): number {
    this.#count();
    const start = this.pos;
    const value = this.#varint();
    if (this.#tag !== 0) {
      if ((this.#tag & 7) === 2) this.#lengthEnd = this.pos + value;
      this.#tag = 0;
    } else if (start >= this.#lengthEnd) this.#beginField(value);
    return value;
  }

  /** Generated code stops without a word at a zero or a stray end-group. */
  #beginField(tag: number): void {
    const wireType = tag & 7;
    if (tag >>> 3 === 0) throw new Error("field number 0");
    if (wireType > 5 || wireType === 3 || wireType === 4) throw unsupported(wireType);
    this.#tag = tag;
  }

  /** A varint that is a value. */
  #scalar(): number {
    this.#count();
    this.#tag = 0;
    return this.#varint();
  }

  int32(): number {
    return this.#scalar() | 0;
  }

  sint32(): number {
    const zigzag = this.#scalar();
    return (zigzag >>> 1) ^ -(zigzag & 1);
  }

  bool(): boolean {
    return this.#scalar() !== 0 || this.#high !== 0;
  }

  int64(): bigint {
    return toBigInt(this.#scalar(), this.#high);
  }

  /** An int64 as a number. */
  int64Number(): number {
    const low = this.#scalar();
    const number = (this.#high | 0) * TWO_POW_32 + low;
    if (!Number.isSafeInteger(number)) throw new Error("an integer is larger than 2^53");
    return number;
  }

  /** An int64 in decimals. */
  int64Text(): string {
    const low = this.#scalar();
    const number = (this.#high | 0) * TWO_POW_32 + low;
    return Number.isSafeInteger(number) ? String(number) : String(toBigInt(low, this.#high));
  }

  uint64(): bigint {
    return BigInt.asUintN(64, toBigInt(this.#scalar(), this.#high));
  }

  sint64(): bigint {
    const zigzag = this.uint64();
    return (zigzag >> 1n) ^ -(zigzag & 1n);
  }

  fixed32(): number {
    return this.#buf.readUInt32LE(this.#fixed(4));
  }

  sfixed32(): number {
    return this.#buf.readInt32LE(this.#fixed(4));
  }

  fixed64(): bigint {
    return this.#buf.readBigUInt64LE(this.#fixed(8));
  }

  sfixed64(): bigint {
    return this.#buf.readBigInt64LE(this.#fixed(8));
  }

  float(): number {
    return this.#buf.readFloatLE(this.#fixed(4));
  }

  double(): number {
    return this.#buf.readDoubleLE(this.#fixed(8));
  }

  bytes(): Uint8Array {
    this.#tag = 0;
    const length = this.#varint();
    const start = this.#step(length);
    return this.#buf.subarray(start, start + length);
  }

  string(): string {
    this.#tag = 0;
    const length = this.#varint();
    const start = this.#step(length);
    return length <= SHORT_STRING ? this.#shortAscii(start) : this.#utf8(start);
  }

  #shortAscii(start: number): string {
    const buf = this.#buf;
    const codes = new Array<number>(this.pos - start);
    for (let i = 0; i < codes.length; i += 1) {
      const code = buf[start + i] as number;
      if (code > 0x7f) return this.#utf8(start);
      codes[i] = code;
    }
    return String.fromCharCode.apply(undefined, codes);
  }

  #utf8(start: number): string {
    const text = this.#buf.utf8Slice(start, this.pos);
    // U+FFFD stands for invalid bytes, or for itself.
    if (text.includes("\uFFFD") && !isUtf8(this.#buf.subarray(start, this.pos))) throw new Error("text is not UTF-8");
    return text;
  }

  /** A value of fixed width: counts it, steps over it and returns where it is. */
  #fixed(bytes: number): number {
    this.#count();
    this.#tag = 0;
    return this.#step(bytes);
  }

  /** Steps over `bytes` bytes and returns where they start. */
  #step(bytes: number): number {
    const start = this.pos;
    this.pos += bytes;
    if (this.pos > this.len) throw endsEarly();
    return start;
  }

  #count(): void {
    this.#readsLeft -= 1;
    if (this.#readsLeft < 0) throw tooManyElements();
  }

  /** The low 32 bits of a varint, unsigned; the high ones are in `#high`. */
  #varint(): number {
    const byte = this.#buf[this.pos] as number;
    // Beyond the end `byte` is undefined and fails the comparison.
    if (!(byte < 0x80)) return this.#longVarint();
    this.pos += 1;
    this.#high = 0;
    return byte;
  }

  #longVarint(): number {
    const buf = this.#buf;
    let pos = this.pos;
    let low = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = buf[pos++] as number;
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return this.#endVarint(pos, low, 0);
    }
    const middle = buf[pos++] as number;
    low |= middle << 28;
    let high = (middle & 0x7f) >>> 4;
    if (middle < 0x80) return this.#endVarint(pos, low, high);
    for (let shift = 3; shift < 32; shift += 7) {
      const byte = buf[pos++] as number;
      high |= (byte & 0x7f) << shift;
      if (byte < (shift === 31 ? 2 : 0x80)) return this.#endVarint(pos, low, high);
    }
    throw pos > this.len ? endsEarly() : new Error("a varint is longer than 64 bits");
  }

  #endVarint(pos: number, low: number, high: number): number {
    this.pos = pos;
    this.#high = high;
    return low >>> 0;
  }
}

// Generated code makes a stock reader of everything that is not `instanceof BinaryReader`.
Object.setPrototypeOf(FastReader.prototype, BinaryReader.prototype);

function toBigInt(low: number, high: number): bigint {
  WORDS.setUint32(0, low, true);
  WORDS.setUint32(4, high, true);
  return WORDS.getBigInt64(0, true);
}

function unsupported(wireType: number): Error {
  return new Error(`wire type ${wireType} is not supported`);
}

function endsEarly(): Error {
  return new Error("the message ends early");
}

function tooManyElements(): Error {
  return new Error(`more than ${MAX_MESSAGE_ELEMENTS} elements in one message`);
}
