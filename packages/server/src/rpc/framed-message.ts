import type { EncodedMessage } from "@millrace/shared-types";

/** Frames from this size on, in bytes, are given back: those that are smaller may share their memory with others. */
const LARGE_FRAME_BYTES = 16 * 1024;

/**
 * A message that remembers the frame into which the transport has copied it. What waits for the garbage collector counts
 * against the heap: at full speed frames alone would have it collected several times a second.
 */
export class FramedMessage implements EncodedMessage {
  readonly #message: EncodedMessage;
  #frame: Uint8Array | undefined;

  constructor(message: EncodedMessage) {
    this.#message = message;
  }

  get byteLength(): number {
    return this.#message.byteLength;
  }

  get length(): number {
    return this.#message.byteLength;
  }

  copy(target: Uint8Array, targetStart = 0): number {
    this.#frame = target;
    return this.#message.copy(target, targetStart);
  }

  /** The frame is written: nobody will read it again. */
  release(): void {
    const { buffer, byteLength = 0 } = this.#frame ?? {};
    this.#frame = undefined;
    if (!(buffer instanceof ArrayBuffer) || byteLength < LARGE_FRAME_BYTES || buffer.byteLength !== byteLength) return;
    buffer.transfer(0);
  }
}
