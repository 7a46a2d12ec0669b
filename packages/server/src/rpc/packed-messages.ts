import type { EncodedMessage, EncodedMessages } from "@millrace/shared-types";

/** Bytes before each message on the wire: a flag (0: not compressed) and the length. */
export const PREFIX_BYTES = 5;

/** Messages that go out in one write. */
export interface Pack extends EncodedMessage {
  /** How many there are. */
  readonly count: number;
}

/** A message that is serialized already, in one piece or in several. */
export type WholeMessage = EncodedMessages["messages"][number];

/**
 * Several messages in one write. On the wire they are what they would be one by one, but the transport
 * handles one frame in place of many: four times the messages per second where they are small.
 *
 * grpc-js 1.14.7 puts a prefix before what it sends, and of that uses the length and `copy` alone
 * (server-interceptors.ts, `serializeMessage`): the first message's prefix goes where grpc-js has put
 * its own. `packed-messages.test.ts` says so if a later version does otherwise.
 */
export class PackedMessages implements Pack {
  readonly byteLength: number;
  readonly #messages: readonly WholeMessage[];

  /** @param messages at least one */
  constructor(messages: readonly WholeMessage[]) {
    this.#messages = messages;
    this.byteLength = packedBytes(messages);
  }

  get count(): number {
    return this.#messages.length;
  }

  get length(): number {
    return this.byteLength;
  }

  copy(target: Uint8Array, targetStart = 0): number {
    const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
    let at = targetStart - PREFIX_BYTES;
    for (const message of this.#messages) {
      view.setUint8(at, 0);
      view.setUint32(at + 1, message.byteLength);
      if (message instanceof Uint8Array) target.set(message, at + PREFIX_BYTES);
      else message.copy(target, at + PREFIX_BYTES);
      at += PREFIX_BYTES + message.byteLength;
    }
    return this.byteLength;
  }
}

/** What follows the prefix that grpc-js has counted. */
function packedBytes(messages: readonly WholeMessage[]): number {
  let bytes = -PREFIX_BYTES;
  for (const { byteLength } of messages) bytes += PREFIX_BYTES + byteLength;
  return bytes;
}

/** Enough to make the cost of a write small beside that of its bytes. */
const MAX_PACK_BYTES = 64 * 1024;
const MAX_PACK_MESSAGES = 64;

/** All of `messages`, in as many writes as go well. */
export function packsOf(messages: readonly WholeMessage[]): readonly PackedMessages[] {
  const packs: PackedMessages[] = [];
  for (let at = 0; at < messages.length;) {
    const end = at + packLength(messages, at);
    packs.push(new PackedMessages(messages.slice(at, end)));
    at = end;
  }
  return packs;
}

/** How many of `messages`, from `start` on, go well in one write; at least one. */
export function packLength(messages: readonly WholeMessage[], start: number): number {
  let bytes = 0;
  let count = 0;
  while (start + count < messages.length && count < MAX_PACK_MESSAGES) {
    bytes += messages[start + count]?.byteLength ?? 0;
    if (bytes > MAX_PACK_BYTES && count > 0) break;
    count++;
  }
  return count;
}
