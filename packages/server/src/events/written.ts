import { encodeMessage, type MessageType } from "@millrace/shared-types";

type Writer = Parameters<MessageType<unknown>["encode"]>[1] & {};

/** What `write` writes, with the writer of the codec: for messages that are made of others, serialized already. */
export function written(write: (writer: Writer) => Writer): Uint8Array {
  const type = { encode: (_, writer) => write(writer as Writer) } as MessageType<undefined>;
  return encodeMessage(type, undefined);
}
