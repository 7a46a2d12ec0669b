/** Reads serialized messages field by field, without their types: processes that run queries import only node: modules. */

/** Value of a field: a number for varints, bytes for everything with a length. Other kinds are left out. */
export interface ProtoField {
  readonly number: number;
  readonly value: bigint | Uint8Array;
}

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

/** The fields of a message in the order in which they were written. @throws Error if it is damaged */
export function* protoFields(message: Uint8Array): Generator<ProtoField, void, undefined> {
  for (let at = 0; at < message.length;) {
    const tag = varint(message, at);
    const number = Number(tag.value >> 3n);
    const kind = Number(tag.value & 7n);
    if (kind === FIXED64 || kind === FIXED32) {
      at = tag.end + (kind === FIXED64 ? 8 : 4);
      continue;
    }
    if (kind !== VARINT && kind !== LENGTH) throw new Error(`field ${String(number)} has an unknown kind`);
    const head = varint(message, tag.end);
    at = kind === VARINT ? head.end : head.end + Number(head.value);
    if (at > message.length) throw new Error(`field ${String(number)} is cut off`);
    yield { number, value: kind === VARINT ? head.value : message.subarray(head.end, at) };
  }
}

/** The text of the last field `number`; empty if there is none. */
export function protoText(message: Uint8Array, number: number): string {
  let text = "";
  for (const field of protoFields(message)) if (field.number === number) text = textOf(field.value);
  return text;
}

/** The entries of a `map<string, string>`, as a JSON object. */
export function protoMapJson(message: Uint8Array, number: number): string {
  const entries: [string, string][] = [];
  for (const field of protoFields(message)) {
    if (field.number === number && typeof field.value !== "bigint")
      entries.push([protoText(field.value, 1), protoText(field.value, 2)]);
  }
  return JSON.stringify(Object.fromEntries(entries));
}

/** A google.protobuf.Timestamp in milliseconds since 1970; `undefined` if there is none. */
export function protoTimeMs(message: Uint8Array, number: number): number | undefined {
  let ms: number | undefined;
  for (const field of protoFields(message)) {
    if (field.number !== number || typeof field.value === "bigint") continue;
    let [seconds, nanos] = [0, 0];
    for (const part of protoFields(field.value)) {
      if (part.number === 1) seconds = Number(BigInt.asIntN(64, part.value as bigint));
      if (part.number === 2) nanos = Number(BigInt.asIntN(32, part.value as bigint));
    }
    ms = seconds * 1000 + Math.floor(nanos / 1_000_000);
  }
  return ms;
}

function varint(message: Uint8Array, start: number): { readonly value: bigint; readonly end: number } {
  let value = 0n;
  for (let at = start, shift = 0n; shift < 70n; at++, shift += 7n) {
    const byte = message[at];
    if (byte === undefined) break;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return { value, end: at + 1 };
  }
  throw new Error("a number is cut off");
}

function textOf(value: bigint | Uint8Array): string {
  return typeof value === "bigint"
    ? String(value)
    : Buffer.from(value.buffer, value.byteOffset, value.length).toString();
}
