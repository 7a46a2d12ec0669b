import type { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";

import type { MessageType } from "../service-definition.js";
import type { EncodedMessage } from "./encoded-message.js";
import { fastDecoderOf } from "./fast-decoders.js";
import { FastReader } from "./fast-reader.js";
import { FastWriter } from "./fast-writer.js";

/** Bytes that are not a valid message of the expected type. */
export class MalformedMessageError extends Error {
  override readonly name = "MalformedMessageError";
}

// Kept from call to call. Taken while in use: a getter on a message may encode another one.
let idleWriter: FastWriter | undefined;
let idleReader: FastReader | undefined;

/**
 * Serializes a message. The result is the caller's, and shares its memory with no
 * value that can still change.
 *
 * @throws {TypeError} if a field holds a value that its type cannot express exactly
 */
export function encodeMessage<T>(type: MessageType<T>, message: T): Buffer {
  return written(type, message, (writer) => writer.finish());
}

/**
 * As {@link encodeMessage}, but large `bytes` values are copied only when the result is: for a
 * transport that frames messages, and so copies them, anyway.
 */
export function layOutMessage<T>(type: MessageType<T>, message: T): EncodedMessage {
  return written(type, message, (writer) => writer.layOut());
}

function written<T, Result>(type: MessageType<T>, message: T, finish: (writer: FastWriter) => Result): Result {
  const writer = idleWriter ?? new FastWriter();
  idleWriter = undefined;
  try {
    type.encode(message, writer as unknown as BinaryWriter);
    return finish(writer);
  } catch (error) {
    writer.reset();
    throw error;
  } finally {
    idleWriter = writer;
  }
}

/**
 * Reads a message. `bytes` fields of the result are views of `data`: copy what is kept for long.
 *
 * @throws {MalformedMessageError} if `data` is not a valid message
 */
export function decodeMessage<T>(type: MessageType<T>, data: Uint8Array): T {
  const reader = idleReader ?? new FastReader();
  idleReader = undefined;
  try {
    reader.open(data);
    const decode = fastDecoderOf(type);
    const message = decode ? reader.whole(decode) : type.decode(reader as unknown as BinaryReader);
    reader.assertWhole();
    return message;
  } catch (error) {
    throw new MalformedMessageError(`not a valid message: ${(error as Error).message}`, { cause: error });
  } finally {
    reader.close();
    idleReader = reader;
  }
}
