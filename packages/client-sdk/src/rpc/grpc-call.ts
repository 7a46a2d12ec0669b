import { type ChannelInterface, type Metadata, status as GrpcStatus, type StatusObject } from "@grpc/grpc-js";
import { StatusCode } from "@millrace/shared-types";

import { type Deferred, deferred } from "./deferred.js";
import { asBuffer, fromMetadata } from "./grpc-metadata.js";
import type { HeaderMap, TransportCall, TransportStatus } from "./transport.js";

type ChannelCall = ReturnType<ChannelInterface["createCall"]>;

/**
 * A call on grpc-js's channel interface, below its Node streams: one `startRead` per message gives
 * exact back-pressure. After a cancel grpc-js may never call back, so a cancel settles everything
 * here by itself.
 */
export class GrpcCall implements TransportCall {
  readonly headers: Promise<HeaderMap>;
  readonly status: Promise<TransportStatus>;
  readonly #call: ChannelCall;
  readonly #target: string;
  readonly #toStatus: (status: StatusObject) => TransportStatus;
  readonly #headers: Deferred<HeaderMap> = deferred<HeaderMap>();
  readonly #status: Deferred<TransportStatus> = deferred<TransportStatus>();
  #ended = false;
  #peer: string | undefined;
  #receiver: ((message: Uint8Array | undefined) => void) | undefined;
  #sender: (() => void) | undefined;

  constructor(
    call: ChannelCall,
    target: string,
    metadata: Metadata,
    toStatus: (status: StatusObject) => TransportStatus,
  ) {
    this.#call = call;
    this.#target = target;
    this.#toStatus = toStatus;
    this.headers = this.#headers.promise;
    this.status = this.#status.promise;
    call.start(metadata, {
      onReceiveMetadata: (received) => {
        this.#headers.resolve(fromMetadata(received));
      },
      onReceiveMessage: (message: Uint8Array) => this.#settleReceiver(message),
      onReceiveStatus: (received) => {
        if (!this.#ended) this.#end(this.#toStatus(received));
      },
    });
  }

  peer(): string | undefined {
    if (this.#peer === undefined) {
      const peer = this.#call.getPeer();
      // Until the call has a connection, grpc-js gives one of these.
      if (peer !== "unknown" && peer !== this.#target) this.#peer = peer;
    }
    return this.#peer;
  }

  send(message: Uint8Array): Promise<void> {
    if (this.#ended) return Promise.resolve();
    return new Promise((resolve) => {
      this.#sender = resolve;
      this.#call.sendMessageWithContext({ callback: () => resolve() }, asBuffer(message));
    });
  }

  halfClose(): void {
    if (!this.#ended) this.#call.halfClose();
  }

  receive(): Promise<Uint8Array | undefined> {
    if (this.#ended) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#receiver = resolve;
      this.#call.startRead();
    });
  }

  cancel(reason: string): void {
    this.endWith({ code: StatusCode.CANCELLED, message: reason, trailers: {}, origin: "client" });
  }

  /** Ends the call from this side. */
  endWith(status: TransportStatus): void {
    if (this.#ended) return;
    this.peer();
    this.#end(status);
    this.#call.cancelWithStatus(GrpcStatus.CANCELLED, status.message);
  }

  #end(status: TransportStatus): void {
    this.#ended = true;
    this.#headers.resolve({});
    this.#status.resolve(status);
    this.#settleReceiver(undefined);
    this.#sender?.();
    this.#sender = undefined;
  }

  #settleReceiver(message: Uint8Array | undefined): void {
    const receiver = this.#receiver;
    this.#receiver = undefined;
    receiver?.(message);
  }
}
