import { constants, type ServerHttp2Stream } from "node:http2";
import { setImmediate as turn } from "node:timers/promises";

import {
  type Metadata,
  ResponderBuilder,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  type ServerListener,
  ServerListenerBuilder,
} from "@grpc/grpc-js";

import type { EncodedMessage } from "@millrace/shared-types";

import { FramedMessage } from "./framed-message.js";
import { holdsPartialMessage, http2StreamOf } from "./grpc-internals.js";
import { MessageFrame } from "./message-frame.js";

/** How the requests of a call ended. */
export type RequestsEnd = "half-close" | "cut-message" | "aborted";

/** What a call hears from the wire. */
export interface WireListener {
  /** Requests are a stream: their end says something, so it has to be a true one. */
  readonly streamsRequests: boolean;
  onMessage(message: Buffer): void;
  onRequestsEnd(end: RequestsEnd): void;
  /** The peer is gone, or grpc-js has ended the call, or our status is out. At most once. */
  onEnd(): void;
}

export interface WireStatus {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

/**
 * Turns of the event loop after which a reset that came in one burst with END_STREAM is known.
 * Node's own HTTP/2 client cancels that way: first END_STREAM, then RST_STREAM.
 */
const TURNS_TO_SEE_A_RESET = 3;

/**
 * One call as HTTP/2 carries it: encoded messages in, encoded messages out, one status. Reads one
 * message per {@link read}, so nothing is read ahead of the handler but what HTTP/2 flow control lets in.
 *
 * It stands at the interceptor interface of grpc-js (public) rather than at its stream objects, which
 * read 16 messages ahead, keep one write in flight, and end normally when the client is cut off.
 */
export class WireCall {
  readonly path: string;
  readonly metadata: Metadata;
  /** Resolves once the HTTP/2 stream is closed in both directions. */
  readonly closed: Promise<void>;
  readonly #call: ServerInterceptingCallInterface;
  readonly #stream: ServerHttp2Stream | undefined;
  #listener: WireListener | undefined;
  #ended = false;
  #statusSent = false;
  #headersSent = false;
  #onClosed: () => void = () => {};

  constructor(path: string, metadata: Metadata, call: ServerInterceptingCallInterface) {
    this.path = path;
    this.metadata = metadata;
    this.#call = call;
    this.#stream = http2StreamOf(call);
    this.closed = new Promise((resolve) => (this.#onClosed = resolve));
    this.#stream?.once("close", this.#onClosed);
  }

  get peer(): string {
    return this.#call.getPeer();
  }

  /** When the client stops waiting, in milliseconds since 1970; Infinity if it never does. */
  get deadlineMs(): number {
    return Number(this.#call.getDeadline());
  }

  /** The status is sent or the peer is gone: whatever is still written is dropped. */
  get ended(): boolean {
    return this.#ended || this.#statusSent;
  }

  listen(listener: WireListener): void {
    this.#listener = listener;
  }

  /** Asks for one message; it, or the end of the requests, comes to the listener. */
  read(): void {
    if (!this.ended) this.#call.startRead();
  }

  /** Sends a message. `onWritten` is called when the peer's flow control has let it out, or never if the call ends. */
  send(message: EncodedMessage, onWritten: () => void): void {
    if (this.ended) return;
    if (message instanceof MessageFrame && this.#stream?.headersSent === true)
      return this.#sendFrame(message, onWritten);
    this.#headersSent = true;
    const framed = new FramedMessage(message);
    this.#call.sendMessage(framed, () => {
      // Of a stream that is destroyed all writes are called done, and the socket may still be reading from them.
      if (this.#stream?.destroyed === false) framed.release();
      onWritten();
    });
  }

  /** Past grpc-js, which would copy it. A stream that fails ends the call by itself. */
  #sendFrame({ bytes }: MessageFrame, onWritten: () => void): void {
    this.#stream?.write(bytes, (error) => {
      if (!(error instanceof Error)) onWritten();
    });
  }

  /** Sends the response headers, unless they are out already. */
  sendHeaders(headers: Metadata): void {
    if (this.ended || this.#headersSent) return;
    this.#headersSent = true;
    this.#call.sendMetadata(headers);
  }

  /** Ends the call, after the messages sent before. Only the first status counts. */
  end(status: WireStatus): void {
    if (this.ended) return;
    this.#statusSent = true;
    this.#call.sendStatus(status);
  }

  /** Gives up on a peer that does not take the rest or does not stop sending. */
  reset(): void {
    if (this.#stream === undefined || this.#stream.closed) return;
    this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  onMessage(message: Buffer): void {
    this.#listener?.onMessage(message);
  }

  async onHalfClose(): Promise<void> {
    if (this.#listener === undefined) return;
    if (this.#listener.streamsRequests) for (let n = 0; n < TURNS_TO_SEE_A_RESET; n++) await turn();
    this.#listener.onRequestsEnd(this.#requestsEnd());
  }

  onCancel(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#stream === undefined) this.#onClosed();
    this.#listener?.onEnd();
  }

  /**
   * grpc-js 1.14.7 reports a reset and a lost connection as a half-close (server-interceptors.ts:584, 856).
   * A true one leaves the stream open on our side.
   */
  #requestsEnd(): RequestsEnd {
    if (this.#ended || (this.#stream !== undefined && (this.#stream.closed || this.#stream.destroyed)))
      return "aborted";
    return holdsPartialMessage(this.#call) === true ? "cut-message" : "half-close";
  }
}

/**
 * Takes over every call once its headers are here, before anything of its body is read. grpc-js itself
 * then only parses frames, keeps the deadline and writes what it is given.
 */
export function interceptCalls(serve: (call: WireCall) => void): ServerInterceptor {
  return (method, inner) => {
    let wire: WireCall | undefined;
    const listener: ServerListener = new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata) => serve((wire = new WireCall(method.path, metadata, inner))))
      .withOnReceiveMessage((message: Buffer) => wire?.onMessage(message))
      .withOnReceiveHalfClose(() => void wire?.onHalfClose())
      .withOnCancel(() => wire?.onCancel())
      .build();
    return new ServerInterceptingCall(inner, new ResponderBuilder().withStart((next) => next(listener)).build());
  };
}
