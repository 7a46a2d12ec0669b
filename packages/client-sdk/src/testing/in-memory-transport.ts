import { encodeStatusDetails, ServiceError, STATUS_DETAILS_KEY, StatusCode } from "@millrace/shared-types";

import type { ClientClock } from "../options.js";
import type { CallStart, ConnectionState, Transport, TransportCall, TransportStatus } from "../rpc/transport.js";
import { systemClock } from "../rpc/system-clock.js";
import { InMemoryCall, IN_MEMORY_PEER } from "./in-memory-call.js";
import {
  abortCall,
  acceptCall,
  routesOf,
  runHandler,
  type Route,
  type Serve,
  type ServedCall,
} from "./in-memory-server.js";

export interface InMemoryTransportOptions {
  /** Keeps the deadlines of calls. Default: the real time. */
  readonly clock?: ClientClock;
}

/** A transport whose server lives in the same process, with what happens to servers at one's fingertips. */
export interface InMemoryTransport extends Transport {
  /** Calls whose handler has not come to its end. */
  readonly liveCalls: number;
  /** Loses the connection: all calls end with UNAVAILABLE on both sides. New calls are served. */
  disconnect(): void;
  /**
   * Refuses new calls, ends streams with `DRAINING` and the resume token of their handler, and lets
   * other calls finish. Resolves when no handler is left.
   */
  drain(): Promise<void>;
  /** Refuses new calls and ends all others. Resolves when no handler is left. */
  stop(): Promise<void>;
  /** Serves new calls again, as a server that was started anew. */
  restart(): void;
}

const CALLS_REFUSED = "the server does not accept calls";

/**
 * Carries calls to handlers in this process, with everything a connection does except the
 * connection: each message is serialized and read back, at most one message waits in each
 * direction, cancels and deadlines reach the handler, errors travel as status and details.
 *
 * @param register adds the services: `(serve) => serve(MyServiceDefinition, handlers)`
 */
export function createInMemoryTransport(
  register: (serve: Serve) => void,
  { clock = systemClock }: InMemoryTransportOptions = {},
): InMemoryTransport {
  return new InProcess(routesOf(register), clock);
}

class InProcess implements InMemoryTransport {
  readonly target: string = IN_MEMORY_PEER;
  readonly #routes: ReadonlyMap<string, Route>;
  readonly #clock: ClientClock;
  /** Calls that the client has not seen end. */
  readonly #open = new Set<ServedCall>();
  /** Handlers that run, also of calls that have ended. */
  readonly #running = new Map<ServedCall, Promise<void>>();
  readonly #listeners = new Set<(state: ConnectionState) => void>();
  #state: ConnectionState = "idle";
  #refusal: TransportStatus | undefined;
  #started = 0;

  constructor(routes: ReadonlyMap<string, Route>, clock: ClientClock) {
    this.#routes = routes;
    this.#clock = clock;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get liveCalls(): number {
    return this.#running.size;
  }

  start(start: CallStart): TransportCall {
    const route = this.#routes.get(start.path);
    if (this.#refusal !== undefined) return endedCall(this.#refusal);
    this.#changeState("ready");
    if (route === undefined) return endedCall(unimplemented(start.path));
    return this.#accept(route, start);
  }

  connect(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    if (this.#refusal !== undefined) return Promise.reject(new Error(this.#refusal.message));
    this.#changeState("ready");
    return Promise.resolve();
  }

  onStateChange(listener: (state: ConnectionState) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  disconnect(): void {
    this.#cutAll(transportStatus("connection lost"));
    if (this.#state === "ready") this.#changeState("idle");
  }

  async drain(): Promise<void> {
    const draining = new ServiceError("DRAINING", "the server is going away");
    this.#refusal = refusalOf(draining);
    for (const served of this.#running.keys()) {
      if (served.controls.context.kind !== "unary") abortCall(served, draining);
    }
    await this.#untilQuiet();
  }

  async stop(): Promise<void> {
    this.#refusal = transportStatus(CALLS_REFUSED);
    this.disconnect();
    await this.#untilQuiet();
  }

  restart(): void {
    this.#refusal = undefined;
  }

  async close(): Promise<void> {
    this.#refusal = { ...transportStatus("the client is closed"), origin: "client" };
    this.#cutAll(this.#refusal);
    this.#changeState("closed");
    await this.#untilQuiet();
  }

  #accept(route: Route, start: CallStart): TransportCall {
    const call = new InMemoryCall((reason) => abortCall(served, new Error(`cancelled by the client: ${reason}`)));
    const served = acceptCall(route, start, call, `in-memory-${String(++this.#started)}`);
    const stopTimer = this.#limit(served, start.deadline);
    this.#open.add(served);
    void call.status.then(() => {
      stopTimer();
      this.#open.delete(served);
    });
    this.#running.set(served, this.#run(served));
    return call;
  }

  async #run(served: ServedCall): Promise<void> {
    // The handler starts after the caller has its call, as it would behind a connection; a call that was
    // cancelled before that never arrives.
    await Promise.resolve();
    if (!served.controls.context.signal.aborted) await runHandler(served);
    this.#running.delete(served);
  }

  /** Ends the call at its deadline; the returned function gives the timer back. */
  #limit(served: ServedCall, deadline: number | undefined): () => void {
    if (deadline === undefined) return () => {};
    return this.#clock.after(Math.max(0, deadline - this.#clock.now()), () => {
      cutBoth(served, {
        ...transportStatus("deadline exceeded"),
        code: StatusCode.DEADLINE_EXCEEDED,
        origin: "client",
      });
    });
  }

  #cutAll(status: TransportStatus): void {
    for (const served of [...this.#open]) cutBoth(served, status);
  }

  async #untilQuiet(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  #changeState(state: ConnectionState): void {
    if (this.#state === state) return;
    this.#state = state;
    for (const listener of [...this.#listeners]) listener(state);
  }
}

function cutBoth(served: ServedCall, status: TransportStatus): void {
  served.call.cut(status);
  abortCall(served, new Error(status.message));
}

function endedCall(status: TransportStatus): TransportCall {
  const call = new InMemoryCall(() => {});
  call.cut(status);
  return call;
}

function transportStatus(message: string): TransportStatus {
  return { code: StatusCode.UNAVAILABLE, message, trailers: {}, origin: "transport" };
}

function unimplemented(path: string): TransportStatus {
  return { code: StatusCode.UNIMPLEMENTED, message: `no service here has ${path}`, trailers: {}, origin: "server" };
}

function refusalOf(error: ServiceError): TransportStatus {
  const trailers = { [STATUS_DETAILS_KEY]: encodeStatusDetails(error) };
  return { code: error.code, message: error.message, trailers, origin: "server" };
}
