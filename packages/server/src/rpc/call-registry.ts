import { ServiceError } from "@millrace/shared-types";

import type { BoundMethod } from "./bind-service.js";
import type { LiveCall } from "./live-call.js";

/** When a client should try again, elsewhere or after the restart. */
const RETRY_AFTER_DRAIN_MS = 500;

/** The calls that a server is serving, and how they are made to end. */
export class CallRegistry {
  readonly #calls = new Set<LiveCall>();
  readonly #handlers = new Set<LiveCall>();
  #draining = false;
  #onChange: () => void = () => {};

  /** Calls whose HTTP/2 stream is open. */
  get calls(): number {
    return this.#calls.size;
  }

  /** Handlers that are running: not more than calls, unless one does not stop. */
  get handlers(): number {
    return this.#handlers.size;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Counts `call` until its HTTP/2 stream is closed. */
  add(call: LiveCall): void {
    this.#calls.add(call);
    void call.wire.closed.then(() => this.#delete(this.#calls, call));
  }

  /** Counts the handler of `call` until `handling` settles. */
  addHandler(call: LiveCall, handling: Promise<void>): void {
    this.#handlers.add(call);
    const remove = (): void => this.#delete(this.#handlers, call);
    handling.then(remove, remove);
  }

  /** From now on new calls are refused, save those that are served while draining. */
  drain(): void {
    this.#draining = true;
  }

  /** @throws {ServiceError} `DRAINING` if a call of `method` may not start any more */
  admit(method: BoundMethod): void {
    if (this.#draining && method.policy.whileDraining !== true) throw draining({});
  }

  /** Ends the streams that did not ask to be told of a drain, and tells the others. Says whether there are any. */
  announceDrain(): boolean {
    let told = false;
    for (const call of this.#calls) {
      if (call.method.kind === "unary") continue;
      if (call.announceDrain()) told = true;
      else call.abortResumable(draining);
    }
    return told;
  }

  /** Ends all streams with `DRAINING` and the position to resume from; unary calls may go on. */
  endStreams(): void {
    for (const call of this.#calls) if (call.method.kind !== "unary") call.abortResumable(draining);
  }

  /** Ends all calls with `DRAINING`. */
  endAll(): void {
    for (const call of this.#calls) call.abortResumable(draining);
  }

  /** Resets all streams that are still open. */
  resetAll(): void {
    for (const call of this.#calls) call.wire.reset();
  }

  /** Resolves once there is no call and no handler, or when `signal` aborts. Only one may wait. */
  whenIdle(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const settle = (): void => {
        this.#onChange = () => {};
        signal.removeEventListener("abort", settle);
        resolve();
      };
      this.#onChange = () => this.#calls.size + this.#handlers.size === 0 && settle();
      signal.addEventListener("abort", settle, { once: true });
      if (signal.aborted) settle();
      else this.#onChange();
    });
  }

  #delete(calls: Set<LiveCall>, call: LiveCall): void {
    calls.delete(call);
    this.#onChange();
  }
}

function draining(resume: { readonly resume_token?: string }): ServiceError {
  return new ServiceError("DRAINING", "the server is draining", {
    retryAfterMs: RETRY_AFTER_DRAIN_MS,
    metadata: resume,
  });
}
