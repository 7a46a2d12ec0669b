import type { ClientClock } from "../options.js";
import { systemClock } from "../rpc/system-clock.js";
import type { CallStart, ConnectionState, Transport, TransportCall } from "../rpc/transport.js";
import { FaultCall, lostStatus } from "./fault-call.js";
import type { FaultPlan, FaultPlanner } from "./fault-plan.js";

/** Makes things go wrong at will, to all calls under way. */
export interface FaultControls {
  /** Calls begun so far. */
  readonly started: number;
  /** Faults that happened so far. */
  readonly faults: number;
  /** Loses all calls. */
  cut(): void;
  /** Puts all calls, and those that begin meanwhile, into a black hole until `resume`. */
  stall(): void;
  resume(): void;
  /** Refuses new calls and connections until `accept`. */
  refuse(): void;
  accept(): void;
}

export interface FaultOptions {
  /** Measures delays. Default: the real time. */
  readonly clock?: ClientClock;
}

/**
 * Wraps a transport so that calls fail as planned, or when a test says so. What it wraps works on:
 * a lost call is cancelled there, which is how a server sees a connection that is gone.
 *
 * @param plan the same for every call, or decided for each; see {@link randomFaults}
 */
export function faulty(
  transport: Transport,
  plan: FaultPlan | FaultPlanner = {},
  { clock = systemClock }: FaultOptions = {},
): Transport & FaultControls {
  return new FaultyTransport(transport, typeof plan === "function" ? plan : () => plan, clock);
}

class FaultyTransport implements Transport, FaultControls {
  readonly #inner: Transport;
  readonly #planner: FaultPlanner;
  readonly #clock: ClientClock;
  readonly #open = new Set<FaultCall>();
  #started = 0;
  #faults = 0;
  #stalled = false;
  #refusing = false;

  constructor(inner: Transport, planner: FaultPlanner, clock: ClientClock) {
    this.#inner = inner;
    this.#planner = planner;
    this.#clock = clock;
  }

  get target(): string {
    return this.#inner.target;
  }

  get state(): ConnectionState {
    return this.#refusing ? "backoff" : this.#inner.state;
  }

  get started(): number {
    return this.#started;
  }

  get faults(): number {
    return this.#faults;
  }

  start(start: CallStart): TransportCall {
    const plan = this.#planner({ path: start.path, index: this.#started++ }) ?? {};
    if (this.#refusing || plan.refuse === true) return this.#refused(plan);
    const call = new FaultCall(this.#inner.start(start), plan, this.#clock, this.#count);
    if (this.#stalled) call.stall();
    this.#open.add(call);
    void call.status.then(() => this.#open.delete(call));
    return call;
  }

  async connect(signal: AbortSignal): Promise<void> {
    if (this.#refusing) throw new Error("connection refused");
    await this.#inner.connect(signal);
  }

  onStateChange(listener: (state: ConnectionState) => void): () => void {
    return this.#inner.onStateChange(listener);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  cut(): void {
    for (const call of [...this.#open]) call.cut();
  }

  stall(): void {
    this.#stalled = true;
    for (const call of this.#open) call.stall();
  }

  resume(): void {
    this.#stalled = false;
    for (const call of this.#open) call.resume();
  }

  refuse(): void {
    this.#refusing = true;
  }

  accept(): void {
    this.#refusing = false;
  }

  readonly #count = (): void => {
    this.#faults++;
  };

  #refused(plan: FaultPlan): TransportCall {
    this.#count();
    const status = lostStatus(plan, "connection refused");
    return {
      headers: Promise.resolve({}),
      status: Promise.resolve(status),
      peer: () => undefined,
      send: () => Promise.resolve(),
      halfClose: () => {},
      receive: () => Promise.resolve(undefined),
      cancel: () => {},
    };
  }
}
