import type { StreamControl } from "@millrace/shared-types";

import { type CallContext, DRAIN_NOTICE_MS } from "../rpc/call-context.js";
import { Watchdog } from "../rpc/watchdog.js";

import type { EventsDeps } from "./events-deps.js";
import type { Rest } from "./rest.js";
import { draining, heartbeat } from "./watch-controls.js";
import type { WatchPlan } from "./watch-plan.js";

/** What a client is told besides events, if it wants to know. Ends the reader's rest when there is something to tell. */
export class WatchNotices implements Disposable {
  readonly #onDraining = (): void => {
    this.#isDrainingToTell = true;
    this.#rest.end();
  };
  readonly #plan: WatchPlan;
  readonly #rest: Rest;
  readonly #deps: EventsDeps;
  readonly #silence: Watchdog;
  /** Asked for only if the client is told of it: the server then waits for that. */
  readonly #draining: AbortSignal | undefined;
  readonly #queue: StreamControl[] = [];
  #isHeartbeatDue = false;
  #isDrainingToTell = false;

  constructor(plan: WatchPlan, rest: Rest, context: CallContext, deps: EventsDeps) {
    this.#plan = plan;
    this.#rest = rest;
    this.#deps = deps;
    this.#silence = new Watchdog(deps.clock, plan.heartbeatMs, () => this.#onSilence());
    this.#silence.start();
    this.#draining = plan.controls ? context.draining : undefined;
    this.#draining?.addEventListener("abort", this.#onDraining, { once: true });
    if (this.#draining?.aborted === true) this.#onDraining();
  }

  /** Adds what has to be told before any further event. */
  add(control: StreamControl): void {
    if (this.#plan.controls) this.#queue.push(control);
  }

  /** Whether there is something to tell now. */
  get isDue(): boolean {
    return this.#isDrainingToTell || this.#isHeartbeatDue || this.#queue.length > 0;
  }

  /** What to tell now, at a position, if something is due. */
  take(position: number): StreamControl {
    if (this.#isDrainingToTell) {
      this.#isDrainingToTell = false;
      return draining(position, DRAIN_NOTICE_MS, this.#deps);
    }
    return this.#queue.shift() ?? heartbeat(position, this.#plan.heartbeatMs, this.#deps);
  }

  /** Something was sent. */
  onSent(): void {
    this.#isHeartbeatDue = false;
    this.#silence.start();
  }

  [Symbol.dispose](): void {
    this.#silence.close();
    this.#draining?.removeEventListener("abort", this.#onDraining);
  }

  #onSilence(): void {
    this.#isHeartbeatDue = true;
    this.#rest.end();
  }
}
