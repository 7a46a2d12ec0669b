import { type Pack, type PackedMessages, PREFIX_BYTES } from "./packed-messages.js";

/** Messages as they are on the wire, each with its prefix. The transport may be given these very bytes, by many calls. */
export class MessageFrame implements Pack {
  readonly count: number;
  readonly bytes: Uint8Array;

  constructor(messages: PackedMessages) {
    this.count = messages.count;
    this.bytes = Buffer.allocUnsafeSlow(PREFIX_BYTES + messages.byteLength);
    messages.copy(this.bytes, PREFIX_BYTES);
  }

  /** Without the first prefix, as that of {@link PackedMessages}. */
  get byteLength(): number {
    return this.bytes.byteLength - PREFIX_BYTES;
  }

  get length(): number {
    return this.byteLength;
  }

  copy(target: Uint8Array, targetStart = 0): number {
    target.set(this.bytes, targetStart - PREFIX_BYTES);
    return this.byteLength;
  }
}
