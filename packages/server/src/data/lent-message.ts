import type { EncodedMessage } from "@millrace/shared-types";

/** A message that is made of memory which others wait for: once it is copied, they get it. One that is never sent keeps it. */
export class LentMessage implements EncodedMessage {
  readonly byteLength: number;
  readonly #lender: { release(): void };
  #message: EncodedMessage | undefined;

  constructor(message: EncodedMessage, lender: { release(): void }) {
    this.byteLength = message.byteLength;
    this.#message = message;
    this.#lender = lender;
  }

  get length(): number {
    return this.byteLength;
  }

  /** @throws Error the second time */
  copy(target: Uint8Array, targetStart = 0): number {
    const message = this.#message;
    if (message === undefined) throw new Error("the message was sent already");
    this.#message = undefined;
    message.copy(target, targetStart);
    this.#lender.release();
    return this.byteLength;
  }
}
