import { EncodedMessages } from "@millrace/shared-types";

import { MessageFrame } from "./message-frame.js";
import { type Pack, packsOf } from "./packed-messages.js";

/**
 * Messages that several calls may send. Those that do are all given the same frames, which nobody copies: what each of
 * a thousand watchers gets would else be a thousand buffers, written one by one and then garbage.
 */
export class SharedMessages extends EncodedMessages {
  #isSent = false;
  #frames: readonly MessageFrame[] | undefined;

  /** What one more call sends. Nothing is laid out for the first: there may be no other. */
  packs(): readonly Pack[] {
    if (this.#isSent) return (this.#frames ??= packsOf(this.messages).map((pack) => new MessageFrame(pack)));
    this.#isSent = true;
    return packsOf(this.messages);
  }
}
