import { decodeMessage, encodeMessage, type MessageType, type PartialMessage } from "@millrace/shared-types";

/** A message type that brings its own serialization instead of ts-proto's reader and writer. */
export interface SerializedType<T> extends MessageType<T> {
  readonly toBytes: (message: T) => Uint8Array;
  readonly fromBytes: (bytes: Uint8Array) => T;
}

export function toBytes<T>(type: MessageType<T>, message: PartialMessage<T>): Uint8Array {
  const whole = type.fromPartial(message);
  return isSerialized(type) ? type.toBytes(whole) : encodeMessage(type, whole);
}

export function fromBytes<T>(type: MessageType<T>, bytes: Uint8Array): T {
  return isSerialized(type) ? type.fromBytes(bytes) : decodeMessage(type, bytes);
}

function isSerialized<T>(type: MessageType<T>): type is SerializedType<T> {
  return "toBytes" in type;
}
