import { type ChannelInterface, type Metadata, status as GrpcStatus, type StatusObject } from "@grpc/grpc-js";
import { type EncodedMessage, StatusCode } from "@millrace/shared-types";

import { type Deferred, deferred } from "./deferred.js";
import { fromMetadata } from "./grpc-metadata.js";
import type { HeaderMap, TransportCall, TransportStatus } from "./transport.js";

type ChannelCall = ReturnType<ChannelInterface["createCall"]>;

/**
 * A call on grpc-js's channel interface, below its Node streams: one `startRead` per message gives
 * exact back-pressure. Three things to know about grpc-js 1.14.7:
 *
 * * Until the first `startRead` it takes everything from the connection without bound
 *   (subchannel-call.ts: `on('data')` lets the stream flow, only a read pauses it). So one read
 *   begins with the call, and its message is held here.
 * * After a cancel it may never call back. So a cancel settles everything here by itself.
 * * A cancel that comes in the microtasks between `start` and the making of its inner call is lost, and the
 *   call goes out (resolving-call.ts: `sendMetadata().then`). So a cancel is said again one turn later.
 */
export class GrpcCall implements TransportCall {
  readonly headers: Promise<HeaderMap>;
  readonly status: Promise<TransportStatus>;
  readonly #call: ChannelCall;
  readonly #target: string;
  readonly #toStatus: (status: StatusObject) => TransportStatus;
  readonly #onDistrust: () => void;
  readonly #headers: Deferred<HeaderMap> = deferred<HeaderMap>();
  readonly #status: Deferred<TransportStatus> = deferred<TransportStatus>();
  #ended = false;
  /** A read that has not brought its message yet. */
  #isReading = true;
  /** The first message, if it came before it was asked for. */
  #held: Uint8Array | undefined;
  /** The end, which waits until the held message is taken. */
  #afterHeld: TransportStatus | undefined;
  #peer: string | undefined;
  #receiver: ((message: Uint8Array | undefined) => void) | undefined;
  #sender: (() => void) | undefined;

  constructor(
    call: ChannelCall,
    target: string,
    metadata: Metadata,
    toStatus: (status: StatusObject) => TransportStatus,
    onDistrust: () => void,
  ) {
    this.#call = call;
    this.#target = target;
    this.#toStatus = toStatus;
    this.#onDistrust = onDistrust;
    this.headers = this.#headers.promise;
    this.status = this.#status.promise;
    call.start(metadata, {
      onReceiveMetadata: (received) => {
        this.#headers.resolve(fromMetadata(received));
      },
      onReceiveMessage: (message: Uint8Array) => {
        this.#isReading = false;
        if (this.#receiver === undefined) this.#held = message;
        else this.#settleReceiver(message);
      },
      onReceiveStatus: (received) => {
        if (!this.#ended) this.#end(this.#toStatus(received));
      },
    });
    call.startRead();
  }

  peer(): string | undefined {
    if (this.#peer === undefined) {
      const peer = this.#call.getPeer();
      // Until the call has a connection, grpc-js gives one of these.
      if (peer !== "unknown" && peer !== this.#target) this.#peer = peer;
    }
    return this.#peer;
  }

  send(message: EncodedMessage): Promise<void> {
    if (this.#ended) return Promise.resolve();
    return new Promise((resolve) => {
      this.#sender = resolve;
      this.#call.sendMessageWithContext({ callback: () => resolve() }, framed(message));
    });
  }

  halfClose(): void {
    if (!this.#ended) this.#call.halfClose();
  }

  receive(): Promise<Uint8Array | undefined> {
    if (this.#held !== undefined) return Promise.resolve(this.#takeHeld());
    if (this.#ended) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#receiver = resolve;
      if (this.#isReading) return;
      this.#isReading = true;
      this.#call.startRead();
    });
  }

  cancel(reason: string): void {
    this.endWith({ code: StatusCode.CANCELLED, message: reason, trailers: {}, origin: "client" });
  }

  distrustConnection(): void {
    this.#onDistrust();
  }

  /** Ends the call from this side. */
  endWith(status: TransportStatus): void {
    this.#takeHeld();
    if (this.#ended) return;
    this.peer();
    this.#end(status);
    const cancel = (): void => this.#call.cancelWithStatus(GrpcStatus.CANCELLED, status.message);
    cancel();
    setImmediate(cancel);
  }

  #end(status: TransportStatus): void {
    this.#ended = true;
    this.#headers.resolve({});
    if (this.#held === undefined) this.#status.resolve(status);
    else this.#afterHeld = status;
    this.#settleReceiver(undefined);
    this.#sender?.();
    this.#sender = undefined;
  }

  #takeHeld(): Uint8Array | undefined {
    const message = this.#held;
    this.#held = undefined;
    if (this.#afterHeld !== undefined) this.#status.resolve(this.#afterHeld);
    return message;
  }

  #settleReceiver(message: Uint8Array | undefined): void {
    const receiver = this.#receiver;
    this.#receiver = undefined;
    receiver?.(message);
  }
}

/**
 * What grpc-js takes for a Buffer. Of it, it uses the length and `copy` alone (compression-filter.ts,
 * `writeMessage`; max-message-size and retries look at the length), so large contents are copied once: into
 * their frame.
 */
function framed(message: EncodedMessage): Buffer {
  return message as Buffer;
}
