import type { MessageType } from "./service-definition.js";

/** Bytes that are not a valid message of the expected type. */
export class MalformedMessageError extends Error {
  override readonly name = "MalformedMessageError";
}

/** Serializes a message. The result is the caller's. */
export function encodeMessage<T>(type: MessageType<T>, message: T): Buffer {
  return Buffer.from(type.encode(message).finish());
}

/**
 * Reads a message. `bytes` fields of the result are views of `data`: copy what is kept for long.
 *
 * @throws {MalformedMessageError} if `data` is not a valid message
 */
export function decodeMessage<T>(type: MessageType<T>, data: Uint8Array): T {
  try {
    return type.decode(data);
  } catch (error) {
    throw new MalformedMessageError("not a valid message", { cause: error });
  }
}
