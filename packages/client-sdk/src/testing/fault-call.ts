import { type EncodedMessage, StatusCode } from "@millrace/shared-types";

import type { ClientClock } from "../options.js";
import type { HeaderMap, TransportCall, TransportStatus } from "../rpc/transport.js";
import type { FaultPlan, Traffic } from "./fault-plan.js";
import { latch, type Latch } from "./latch.js";

/** What a lost call of this plan ends with. */
export function lostStatus({ status }: FaultPlan, message: string): TransportStatus {
  const code = status?.code ?? StatusCode.UNAVAILABLE;
  return { code, message: status?.message ?? message, trailers: {}, origin: "transport" };
}

/** A call to which a {@link FaultPlan} happens. The call that it wraps sees a loss as a cancel. */
export class FaultCall implements TransportCall {
  readonly headers: Promise<HeaderMap>;
  readonly #inner: TransportCall;
  readonly #plan: FaultPlan;
  readonly #clock: ClientClock;
  readonly #onFault: () => void;
  readonly #ended: Latch<TransportStatus> = latch();
  /** Set while the call is in a black hole; opens when it is over. */
  #hole: Latch | undefined;
  #hasStalled = false;
  #messages = 0;
  #bytes = 0;
  #delivery: Promise<unknown> = Promise.resolve();
  #sending: Promise<void> = Promise.resolve();

  constructor(inner: TransportCall, plan: FaultPlan, clock: ClientClock, onFault: () => void) {
    this.#inner = inner;
    this.#plan = plan;
    this.#clock = clock;
    this.#onFault = onFault;
    this.headers = Promise.race([this.#passed(inner.headers), this.#ended.promise.then(() => ({}))]);
    void this.#followEnd();
    this.#count(0, 0);
  }

  get status(): Promise<TransportStatus> {
    return this.#ended.promise;
  }

  peer(): string | undefined {
    return this.#inner.peer();
  }

  send(message: EncodedMessage): Promise<void> {
    this.#sending = this.#send(message);
    return this.#sending;
  }

  /** After the last message, which its sender need not have waited for. */
  halfClose(): void {
    void this.#sending.then(() => this.#untilOutOfHole()).then(() => this.#inner.halfClose());
  }

  receive(): Promise<Uint8Array | undefined> {
    const delivery = this.#receive();
    this.#delivery = delivery;
    return delivery;
  }

  cancel(reason: string): void {
    this.#inner.cancel(reason);
    this.#ended.open({ code: StatusCode.CANCELLED, message: reason, trailers: {}, origin: "client" });
  }

  /** Loses the call now. */
  cut(): void {
    if (this.#ended.isOpen) return;
    this.#onFault();
    this.#ended.open(lostStatus(this.#plan, "connection lost"));
    this.#inner.cancel("connection lost");
  }

  /** Puts the call into a black hole until {@link resume}. */
  stall(): void {
    if (this.#hole !== undefined || this.#ended.isOpen) return;
    this.#onFault();
    this.#hole = latch();
  }

  resume(): void {
    this.#hole?.open();
    this.#hole = undefined;
  }

  async #send(message: EncodedMessage): Promise<void> {
    await this.#untilOutOfHole();
    await this.#inner.send(message);
    this.#count(1, message.length);
  }

  async #receive(): Promise<Uint8Array | undefined> {
    const message = await this.#inner.receive();
    if (message === undefined) return undefined;
    if (this.#plan.dropAck === true) this.cut();
    await this.#delayed();
    await this.#untilOutOfHole();
    if (this.#ended.isOpen) return undefined;
    this.#count(1, message.length);
    return message;
  }

  #count(messages: number, bytes: number): void {
    this.#messages += messages;
    this.#bytes += bytes;
    if (this.#isReached(this.#plan.cutAfter)) this.cut();
    if (this.#hasStalled || !this.#isReached(this.#plan.stallAfter)) return;
    this.#hasStalled = true;
    this.stall();
  }

  #isReached(traffic: Traffic | undefined): boolean {
    if (traffic === undefined) return false;
    return this.#messages >= (traffic.messages ?? Infinity) || this.#bytes >= (traffic.bytes ?? Infinity);
  }

  async #followEnd(): Promise<void> {
    const status = await this.#inner.status;
    await this.#delivery;
    await this.#untilOutOfHole();
    this.#ended.open(status);
  }

  async #passed<T>(value: Promise<T>): Promise<T> {
    const passed = await value;
    await this.#untilOutOfHole();
    return passed;
  }

  async #untilOutOfHole(): Promise<void> {
    while (this.#hole !== undefined && !this.#ended.isOpen) {
      await Promise.race([this.#hole.promise, this.#ended.promise]);
    }
  }

  async #delayed(): Promise<void> {
    const { delayMs = 0 } = this.#plan;
    if (delayMs === 0) return;
    const over = latch();
    const stop = this.#clock.after(delayMs, over.open);
    await Promise.race([over.promise, this.#ended.promise]);
    stop();
  }
}
