import { MalformedMessageError, ServiceError, StatusCode } from "@millrace/shared-types";

import { StatusError } from "./status-error.js";
import type { Watchdog } from "./watchdog.js";
import type { RequestsEnd, WireCall } from "./wire-call.js";

interface Waiter {
  readonly resolve: (message: Buffer | undefined) => void;
  readonly reject: (reason: unknown) => void;
}

/** Reads the requests of one call, one at a time and only when asked. */
export class RequestReader {
  readonly #wire: WireCall;
  readonly #idle: Watchdog;
  #waiter: Waiter | undefined;
  #ended = false;
  #messages = 0;
  #failure: { readonly reason: unknown } | undefined;

  constructor(wire: WireCall, idle: Watchdog) {
    this.#wire = wire;
    this.#idle = idle;
  }

  /** Messages read so far. */
  get messages(): number {
    return this.#messages;
  }

  /**
   * The next message; `undefined` once the client has said that there are no more. Rejects with the
   * reason the call ends with, also when the client was cut off, and with `MALFORMED_MESSAGE` if the
   * last message is incomplete.
   */
  next(): Promise<Buffer | undefined> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.reason);
    if (this.#ended) return Promise.resolve(undefined);
    if (this.#waiter !== undefined) return Promise.reject(new Error("requests are read one at a time"));
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
      this.#idle.start();
      this.#wire.read();
    });
  }

  onMessage(message: Buffer): void {
    this.#messages++;
    this.#takeWaiter()?.resolve(message);
  }

  /** An aborted end is left to `fail`: the call's end comes with its reason. */
  onEnd(end: RequestsEnd): void {
    if (end === "aborted") return;
    if (end === "cut-message")
      return this.fail(new ServiceError("MALFORMED_MESSAGE", "the last message is incomplete"));
    this.#ended = true;
    this.#takeWaiter()?.resolve(undefined);
  }

  /** Fails the read that waits and all later ones. */
  fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.#takeWaiter()?.reject(reason);
    this.#idle.close();
  }

  #takeWaiter(): Waiter | undefined {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    this.#idle.stop();
    return waiter;
  }
}

/**
 * The requests of a streaming call. Leaving the loop early does not end the call, and a later loop goes
 * on with the next message. Ends only when the client has half-closed; a client that cancels or is cut
 * off makes it throw the reason the call ends with.
 */
export function requestsOf<Req>(reader: RequestReader, decode: (bytes: Buffer) => Req): AsyncIterable<Req> {
  return { [Symbol.asyncIterator]: () => decodedRequests(reader, decode) };
}

async function* decodedRequests<Req>(reader: RequestReader, decode: (bytes: Buffer) => Req): AsyncGenerator<Req> {
  for (;;) {
    const message = await reader.next();
    if (message === undefined) return;
    yield decodeRequest(message, decode);
  }
}

/** The request of a call that has exactly one. */
export async function onlyRequest<Req>(reader: RequestReader, decode: (bytes: Buffer) => Req): Promise<Req> {
  const message = await reader.next();
  if (message === undefined) throw new StatusError(StatusCode.UNIMPLEMENTED, "expected one request, got none");
  if ((await reader.next()) !== undefined) {
    throw new StatusError(StatusCode.UNIMPLEMENTED, "expected one request, got several");
  }
  return decodeRequest(message, decode);
}

function decodeRequest<Req>(message: Buffer, decode: (bytes: Buffer) => Req): Req {
  try {
    return decode(message);
  } catch (cause) {
    if (cause instanceof ServiceError) throw cause;
    const what = cause instanceof MalformedMessageError ? cause.message : "not a valid message";
    throw new ServiceError("MALFORMED_MESSAGE", what, { cause });
  }
}
