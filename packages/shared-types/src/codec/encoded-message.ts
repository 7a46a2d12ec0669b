/**
 * A serialized message, in one piece (a Buffer is one) or in several. A transport copies it
 * into place once; until then the `bytes` values it was made of must not change.
 */
export interface EncodedMessage {
  readonly byteLength: number;
  /** The same as `byteLength`: what a Buffer is asked for. */
  readonly length: number;
  /** Writes the whole message into `target` and returns its length. */
  copy(target: Uint8Array, targetStart?: number): number;
}

/** A large `bytes` value and where it belongs: before the byte `at` of what was written around it. */
export interface Splice {
  at: number;
  readonly bytes: Uint8Array;
}

/** A message whose large `bytes` values are still where the caller has them. */
export class SplicedMessage implements EncodedMessage {
  readonly byteLength: number;
  readonly #written: Uint8Array;
  readonly #splices: readonly Splice[];

  constructor(written: Uint8Array, splices: readonly Splice[], splicedBytes: number) {
    this.byteLength = written.length + splicedBytes;
    this.#written = written;
    this.#splices = splices;
  }

  get length(): number {
    return this.byteLength;
  }

  copy(target: Uint8Array, targetStart = 0): number {
    let from = 0;
    let to = targetStart;
    for (const { at, bytes } of this.#splices) {
      target.set(this.#written.subarray(from, at), to);
      to += at - from;
      target.set(bytes, to);
      to += bytes.length;
      from = at;
    }
    target.set(this.#written.subarray(from), to);
    return this.byteLength;
  }
}

/**
 * Responses of a stream that are serialized already, in order: what is sent to many is serialized once.
 * A streaming handler may yield it in place of a message.
 */
export class EncodedMessages {
  /** Each a whole message; must not change until it is sent, which copies it once. */
  readonly messages: readonly (Uint8Array | EncodedMessage)[];

  constructor(messages: readonly (Uint8Array | EncodedMessage)[]) {
    this.messages = messages;
  }

  /** Each in one piece: as if it were sent. */
  toBytes(): Uint8Array[] {
    return this.messages.map(inOnePiece);
  }
}

function inOnePiece(message: Uint8Array | EncodedMessage): Uint8Array {
  if (message instanceof Uint8Array) return message;
  const bytes = Buffer.allocUnsafe(message.byteLength);
  message.copy(bytes);
  return bytes;
}
