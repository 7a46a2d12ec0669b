import { HealthDefinition } from "@millrace/shared-types";

import { CancelledError, ConnectTimeoutError, StreamingError } from "../errors.js";
import type { AuthProvider, ClientOptions, ResumePolicy } from "../options.js";
import { bearer } from "./bearer.js";
import { callCounters } from "./call-counters.js";
import { GrpcTransport } from "./grpc-transport.js";
import { LiveCalls } from "./live-calls.js";
import { openResumeLoop, type ResumeLoop } from "./resume-loop.js";
import { RetryBudget } from "./retry-budget.js";
import type { RpcCore } from "./rpc-core.js";
import { StatusFeed } from "./status-feed.js";
import { systemClock } from "./system-clock.js";
import { CONNECT_TIMEOUT } from "./to-streaming-error.js";
import type { ConnectionState } from "./transport.js";
import { unary } from "./unary.js";

export interface WaitOptions {
  /** In milliseconds. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface DrainOptions {
  /** In milliseconds. */
  readonly timeoutMs?: number;
}

const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;
const DEFAULT_DRAIN_TIMEOUT_MS = 10_000;
const DEFAULT_MAX_SEND_BYTES = 4_194_304;

/** The connection of one client, from its making to its end. */
export class Connection {
  readonly core: RpcCore;
  readonly #options: ClientOptions;
  readonly #stopWatching: () => void;
  /** Attempts to connect since there was a connection. */
  #connectAttempts = 0;
  #lastState: ConnectionState = "idle";
  #closed: Promise<void> | undefined;

  /** @throws {TypeError} if credentials would travel in plaintext */
  constructor(options: ClientOptions) {
    this.#options = options;
    this.core = coreOf(options);
    this.#stopWatching = this.core.transport.onStateChange((state) => this.#publish(state));
  }

  get state(): ConnectionState | "draining" {
    if (this.#closed !== undefined) return "closed";
    return this.core.calls.draining ? "draining" : this.core.transport.state;
  }

  /** A `policy` that is left out is the client's. */
  openResumeLoop(call: {
    readonly policy: ResumePolicy | false | undefined;
    readonly signal: AbortSignal | undefined;
  }): ResumeLoop {
    const { clock, random, calls, statuses, counters } = this.core;
    return openResumeLoop({
      policy: policyOf(call.policy, this.#options.resume),
      signal: call.signal,
      closing: calls.closing,
      clock,
      random,
      onWait: (error, attempt, delayMs) => {
        counters.resumes++;
        statuses.publish({ type: "backoff", method: error.method, attempt, delayMs, error });
      },
      onResumed: (position, method, lostMs) => statuses.publish({ type: "resumed", method, position, lostMs }),
    });
  }

  /**
   * Tries until there is a connection.
   *
   * @throws {ConnectTimeoutError} after `timeoutMs` (default: `connect.timeoutMs`)
   * @throws {CancelledError} if `signal` aborts
   */
  async waitForReady({ timeoutMs = this.#connectTimeoutMs, signal }: WaitOptions = {}): Promise<void> {
    const { clock, calls, transport } = this.core;
    const over = new AbortController();
    const stop = clock.after(timeoutMs, () => over.abort(this.#connectTimeout(timeoutMs)));
    const onAbort = (): void => over.abort(new CancelledError("cancelled by the caller", { cause: signal?.reason }));
    const onClose = (): void => over.abort(calls.closing.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    calls.closing.addEventListener("abort", onClose, { once: true });
    try {
      if (signal?.aborted === true) onAbort();
      if (calls.closing.aborted) onClose();
      await transport.connect(over.signal);
    } finally {
      stop();
      signal?.removeEventListener("abort", onAbort);
      calls.closing.removeEventListener("abort", onClose);
    }
  }

  /**
   * Connects, or says why not at the first failure.
   *
   * @throws {StreamingError} what stands in the way
   */
  async connectOnce(wait?: WaitOptions): Promise<void> {
    const { promise: refused, stop } = this.#firstRefusal();
    try {
      await Promise.race([this.waitForReady(wait), refused]);
    } finally {
      stop();
    }
  }

  /** Lets no more calls in; resolves when none is under way, at the latest after `timeoutMs`. */
  async drain(timeoutMs: number = DEFAULT_DRAIN_TIMEOUT_MS): Promise<void> {
    const over = new AbortController();
    const stop = this.core.clock.after(timeoutMs, () => over.abort());
    await this.core.calls.drained(over.signal);
    stop();
  }

  /** Ends all calls and the connection. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  get #connectTimeoutMs(): number {
    return this.#options.connect?.timeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS;
  }

  #connectTimeout(timeoutMs: number): ConnectTimeoutError {
    const { target } = this.core.transport;
    const message = `${CONNECT_TIMEOUT}: no connection to ${target} within ${String(timeoutMs)} ms`;
    return new ConnectTimeoutError(message, { origin: "transport", retryable: true });
  }

  /** Rejects when the first attempt to connect has failed; a call that fails fast tells why it did. */
  #firstRefusal(): { readonly promise: Promise<unknown>; readonly stop: () => void } {
    let stop = (): void => undefined;
    const promise = new Promise<unknown>((resolve, reject) => {
      stop = this.core.transport.onStateChange((state) => {
        if (state !== "backoff") return;
        const { check } = HealthDefinition.methods;
        unary(this.core, HealthDefinition, check, {}, { retry: false }).then(resolve, (error: unknown) => {
          // A server that answers, whatever it answers, can be reached.
          if (StreamingError.is(error) && error.origin === "server") resolve(undefined);
          else reject(error);
        });
      });
    });
    return { promise, stop };
  }

  async #close(): Promise<void> {
    this.core.calls.close();
    this.#stopWatching();
    this.core.statuses.close();
    await this.core.transport.close();
  }

  #publish(state: ConnectionState): void {
    const { transport, statuses } = this.core;
    const { target } = transport;
    const wasUp = this.#lastState === "connecting" || this.#lastState === "ready";
    this.#lastState = state;
    if (state === "connecting") statuses.publish({ type: "connecting", target, attempt: ++this.#connectAttempts });
    else if (state === "ready") statuses.publish({ type: "ready", target });
    else if (wasUp) statuses.publish({ type: "disconnected", target });
    if (state === "ready") this.#connectAttempts = 0;
  }
}

function coreOf(options: ClientOptions): RpcCore {
  const { auth, clock = systemClock, random = Math.random, retry = {}, defaults = {}, limits, transport } = options;
  return {
    transport: transport ?? new GrpcTransport(options),
    clock,
    random,
    auth: authOf(auth),
    retry,
    budget: new RetryBudget(),
    maxSendBytes: limits?.maxSendBytes ?? DEFAULT_MAX_SEND_BYTES,
    defaults,
    calls: new LiveCalls(),
    counters: callCounters(),
    statuses: new StatusFeed(),
  };
}

function authOf(auth: ClientOptions["auth"]): AuthProvider | undefined {
  return typeof auth === "string" ? bearer(auth) : auth;
}

/** A call that says how to resume overrides the client's policy name by name. */
function policyOf(
  ofCall: ResumePolicy | false | undefined,
  ofClient: ResumePolicy | false | undefined,
): ResumePolicy | false | undefined {
  if (ofCall === false || ofCall === undefined) return ofCall ?? ofClient;
  return { ...(ofClient === false ? {} : ofClient), ...ofCall };
}
