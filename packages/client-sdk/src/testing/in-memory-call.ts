import type { HeaderMap, TransportCall, TransportStatus } from "../rpc/transport.js";
import { type EncodedMessage, StatusCode } from "@millrace/shared-types";
import { latch } from "./latch.js";
import { MessageSlot } from "./message-slot.js";

/** Address that both sides of a call in memory see. */
export const IN_MEMORY_PEER = "in-memory";

/**
 * One call without a connection: the client's side is the {@link TransportCall}, the server's side
 * uses the slots and decides the end. At most one serialized message waits in each direction.
 */
export class InMemoryCall implements TransportCall {
  readonly requests: MessageSlot = new MessageSlot();
  readonly responses: MessageSlot = new MessageSlot();
  readonly #headers = latch<HeaderMap>();
  readonly #status = latch<TransportStatus>();
  readonly #onCancel: (reason: string) => void;

  /** @param onCancel called when the client ends the call */
  constructor(onCancel: (reason: string) => void) {
    this.#onCancel = onCancel;
  }

  get headers(): Promise<HeaderMap> {
    return this.#headers.promise;
  }

  get status(): Promise<TransportStatus> {
    return this.#status.promise;
  }

  peer(): string {
    return IN_MEMORY_PEER;
  }

  async send(message: EncodedMessage): Promise<void> {
    const bytes = Buffer.allocUnsafe(message.byteLength);
    message.copy(bytes);
    await this.requests.put(bytes);
  }

  halfClose(): void {
    this.requests.end();
  }

  receive(): Promise<Uint8Array | undefined> {
    return this.responses.take();
  }

  cancel(reason: string): void {
    if (this.#status.isOpen) return;
    this.cut({ code: StatusCode.CANCELLED, message: reason, trailers: {}, origin: "client" });
    this.#onCancel(reason);
  }

  /** Response headers; only the first call counts. */
  sendHeaders(headers: HeaderMap): void {
    this.#headers.open(headers);
  }

  /** Ends the call now: what nobody took is lost. */
  cut(status: TransportStatus): void {
    this.requests.close();
    this.responses.close();
    this.#end(status);
  }

  /** Ends the call once the client has taken the responses before. Resolves then. */
  async finish(status: TransportStatus): Promise<void> {
    this.requests.close();
    this.responses.end();
    await this.responses.drained;
    this.#end(status);
  }

  #end(status: TransportStatus): void {
    this.#headers.open({});
    this.#status.open(status);
  }
}
