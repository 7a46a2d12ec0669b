import { type EncodedMessage, StatusCode } from "@millrace/shared-types";

import { type Deferred, deferred } from "./deferred.js";
import { refusedCall } from "./refused-call.js";
import type { HeaderMap, TransportCall, TransportStatus } from "./transport.js";

/** A call that cannot start yet, because its credentials are still being fetched. */
export class DeferredCall implements TransportCall {
  readonly headers: Promise<HeaderMap>;
  readonly status: Promise<TransportStatus>;
  readonly #opened: Promise<TransportCall>;
  readonly #opening: Deferred<TransportCall> = deferred<TransportCall>();
  #call: TransportCall | undefined;
  #halfClosed = false;

  /** @param open starts the call; what it rejects with ends the call */
  constructor(open: () => Promise<TransportCall>) {
    this.#opened = this.#opening.promise;
    this.headers = this.#opened.then((call) => call.headers);
    this.status = this.#opened.then((call) => call.status);
    open().then(
      (call) => this.#settle(call),
      (error: unknown) => {
        const message = `no credentials: ${error instanceof Error ? error.message : String(error)}`;
        this.#settle(refusedCall(StatusCode.UNAUTHENTICATED, message, error));
      },
    );
  }

  peer(): string | undefined {
    return this.#call?.peer();
  }

  async send(message: EncodedMessage): Promise<void> {
    const call = await this.#opened;
    await call.send(message);
  }

  halfClose(): void {
    if (this.#halfClosed) return;
    this.#halfClosed = true;
    void this.#opened.then((call) => call.halfClose());
  }

  async receive(): Promise<Uint8Array | undefined> {
    const call = await this.#opened;
    return call.receive();
  }

  cancel(reason: string): void {
    this.#settle(refusedCall(StatusCode.CANCELLED, reason));
    this.#call?.cancel(reason);
  }

  distrustConnection(): void {
    this.#call?.distrustConnection?.();
  }

  #settle(call: TransportCall): void {
    if (this.#call === undefined) {
      this.#call = call;
      this.#opening.resolve(call);
    } else {
      // Cancelled meanwhile: nobody will look at this one.
      call.cancel("cancelled");
    }
  }
}
