import {
  decodeMessage,
  type EncodedMessage,
  layOutMessage,
  type MessageType,
  type PartialMessage,
} from "@millrace/shared-types";

import { asBuffer } from "./grpc-metadata.js";

/** A message type that brings its own serialization instead of ts-proto's reader and writer. */
export interface SerializedType<T> extends MessageType<T> {
  readonly toBytes: (message: T) => Uint8Array;
  readonly fromBytes: (bytes: Uint8Array) => T;
}

export function toBytes<T>(type: MessageType<T>, message: PartialMessage<T>): EncodedMessage {
  const whole = type.fromPartial(message);
  return isSerialized(type) ? asBuffer(type.toBytes(whole)) : layOutMessage(type, whole);
}

export function fromBytes<T>(type: MessageType<T>, bytes: Uint8Array): T {
  return isSerialized(type) ? type.fromBytes(bytes) : decodeMessage(type, bytes);
}

function isSerialized<T>(type: MessageType<T>): type is SerializedType<T> {
  return "toBytes" in type;
}
