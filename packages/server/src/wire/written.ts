import { type EncodedMessage, encodeMessage, layOutMessage, type MessageType } from "@millrace/shared-types";

type Writer = Parameters<MessageType<unknown>["encode"]>[1] & {};
type Write = (writer: Writer) => Writer;

/** What `write` writes, with the writer of the codec: for messages that are made of others, serialized already. */
export function written(write: Write): Uint8Array {
  return encodeMessage(typeOf(write), undefined);
}

/** As {@link written}, but what is large is copied only when the message is. */
export function laidOut(write: Write): EncodedMessage {
  return layOutMessage(typeOf(write), undefined);
}

function typeOf(write: Write): MessageType<undefined> {
  return { encode: (_, writer) => write(writer as Writer) } as MessageType<undefined>;
}
