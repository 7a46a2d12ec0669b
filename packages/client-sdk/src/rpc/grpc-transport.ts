import { Channel, connectivityState, type Metadata, type StatusObject } from "@grpc/grpc-js";
import { StatusCode } from "@millrace/shared-types";

import { UnavailableError } from "../errors.js";
import type { ClientOptions } from "../options.js";
import { channelCredentials, channelOptions, usesTls } from "./channel-options.js";
import { ConnectionSockets } from "./connection-sockets.js";
import { GrpcCall } from "./grpc-call.js";
import { fromMetadata, toMetadata } from "./grpc-metadata.js";
import { refusedCall } from "./refused-call.js";
import { statusOrigin } from "./status-origin.js";
import { MAX_TIMER_MS } from "./system-clock.js";
import { isLocalTarget } from "./target.js";
import { CONNECT_TIMEOUT } from "./to-streaming-error.js";
import type { CallStart, ConnectionState, Transport, TransportCall, TransportStatus } from "./transport.js";

const STATES: Readonly<Record<connectivityState, ConnectionState>> = {
  [connectivityState.IDLE]: "idle",
  [connectivityState.CONNECTING]: "connecting",
  [connectivityState.READY]: "ready",
  [connectivityState.TRANSIENT_FAILURE]: "backoff",
  [connectivityState.SHUTDOWN]: "closed",
};

const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;

const MAX_WIRE_TIMEOUT_MS = 2_147_483_000;

/** How long `close` lets the farewell of a connection take. */
const CLOSE_GRACE_MS = 500;

/** Carries calls over one grpc-js channel, which connects when a call needs it and again after losses. */
export class GrpcTransport implements Transport {
  readonly target: string;
  readonly #options: ClientOptions;
  readonly #connectTimeoutMs: number;
  readonly #mayCarryCredentials: boolean;
  readonly #sockets: ConnectionSockets = new ConnectionSockets();
  readonly #calls = new Set<GrpcCall>();
  readonly #listeners = new Set<(state: ConnectionState) => void>();
  #channel: Channel;
  #state: ConnectionState = "idle";
  #watchdog: NodeJS.Timeout | undefined;

  /** @throws {TypeError} if credentials would travel in plaintext */
  constructor(options: ClientOptions) {
    this.target = options.target;
    this.#options = options;
    this.#connectTimeoutMs = options.connect?.timeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS;
    this.#mayCarryCredentials = usesTls(options) || isLocalTarget(options.target);
    if (options.auth !== undefined && !this.#mayCarryCredentials) throw new TypeError(plaintextRefusal(this.target));
    this.#channel = this.#openChannel();
  }

  get state(): ConnectionState {
    return this.#state;
  }

  start({ path, headers, deadline }: CallStart): TransportCall {
    if (this.#state === "closed") return refusedCall(StatusCode.UNAVAILABLE, "the connection was closed");
    if ("authorization" in headers && !this.#mayCarryCredentials) {
      return refusedCall(StatusCode.UNAUTHENTICATED, plaintextRefusal(this.target));
    }
    try {
      return this.#startOn(this.#channel, path, toMetadata(headers), wireDeadline(deadline));
    } catch (error) {
      return refusedCall(StatusCode.INVALID_ARGUMENT, (error as Error).message, error);
    }
  }

  connect(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = (state: ConnectionState): void => {
        if (state === "idle") queueMicrotask(() => this.#leaveIdle());
        else if (state === "ready") settle(resolve);
        else if (state === "closed") settle(() => reject(new UnavailableError("the connection was closed")));
      };
      const onAbort = (): void => settle(() => reject(signal.reason));
      const settle = (outcome: () => void): void => {
        stop();
        signal.removeEventListener("abort", onAbort);
        outcome();
      };
      const stop = this.onStateChange(check);
      signal.addEventListener("abort", onAbort, { once: true });
      if (signal.aborted) onAbort();
      else check(this.#state);
    });
  }

  onStateChange(listener: (state: ConnectionState) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  async close(): Promise<void> {
    if (this.#state === "closed") return;
    const message = "the connection was closed";
    for (const call of this.#calls) {
      call.endWith({ code: StatusCode.UNAVAILABLE, message, trailers: {}, origin: "client" });
    }
    this.#channel.close();
    this.#setState("closed");
    await this.#sockets.closed(CLOSE_GRACE_MS);
  }

  #openChannel(): Channel {
    const options = this.#options;
    const channel = new Channel(this.target, channelCredentials(options), channelOptions(options));
    const watch = (): void => {
      if (channel !== this.#channel) return;
      const state = channel.getConnectivityState(false);
      this.#setState(STATES[state]);
      if (state !== connectivityState.SHUTDOWN) channel.watchConnectivityState(state, Infinity, watch);
    };
    queueMicrotask(watch);
    return channel;
  }

  #startOn(channel: Channel, path: string, metadata: Metadata, deadline: number): TransportCall {
    return this.#sockets.run(() => {
      const grpcCall = channel.createCall(path, deadline, null, null, null);
      const call = new GrpcCall(
        grpcCall,
        channel.getTarget(),
        metadata,
        (status) => this.#toStatus(status, channel),
        () => this.#distrust(channel),
      );
      this.#calls.add(call);
      void call.status.then(() => this.#calls.delete(call));
      return call;
    });
  }

  #leaveIdle(): void {
    if (this.#state === "idle") this.#sockets.run(() => this.#channel.getConnectivityState(true));
  }

  /** A connection that is silently dead looks ready until a ping, if there are any, is not answered. */
  #distrust(channel: Channel): void {
    if (channel === this.#channel && this.#state === "ready") this.#replaceChannel();
  }

  #toStatus({ code, details, metadata }: StatusObject, channel: Channel): TransportStatus {
    const origin = statusOrigin(code as number as StatusCode, details);
    // A channel that is not the present one was replaced by the watchdog.
    const gaveUp = channel !== this.#channel && details === "Channel closed before call started";
    const message = gaveUp ? this.#timeoutMessage() : details;
    return { code: code as number as StatusCode, message, trailers: fromMetadata(metadata), origin };
  }

  #timeoutMessage(): string {
    return `${CONNECT_TIMEOUT}: no connection to ${this.target} within ${String(this.#connectTimeoutMs)} ms`;
  }

  #setState(state: ConnectionState): void {
    if (state === this.#state) return;
    this.#state = state;
    if (state === "ready") this.#sockets.ready();
    this.#setWatchdog(state === "connecting" || state === "backoff");
    for (const listener of [...this.#listeners]) listener(state);
  }

  /** Bounds the time that a channel goes on trying: one of its attempts may hang for ever. */
  #setWatchdog(isTrying: boolean): void {
    if (isTrying) {
      this.#watchdog ??= setTimeout(
        () => this.#replaceChannel(),
        Math.min(this.#connectTimeoutMs, MAX_TIMER_MS),
      ).unref();
    } else {
      clearTimeout(this.#watchdog);
      this.#watchdog = undefined;
    }
  }

  /** Calls that wait for a connection fail; calls under way on an older connection go on. */
  #replaceChannel(): void {
    this.#setWatchdog(false);
    const hung = this.#channel;
    this.#channel = this.#openChannel();
    hung.close();
    this.#sockets.abandonAttempts();
    this.#setState("idle");
  }
}

/**
 * Deadlines this far away travel as whole seconds, rounded up, and grpc-js servers take what is above
 * 2^31-1 ms for a negative time: such a call would end at once. Our own timer keeps the deadline.
 */
function wireDeadline(deadline = Infinity): number {
  return deadline - Date.now() > MAX_WIRE_TIMEOUT_MS ? Infinity : deadline;
}

function plaintextRefusal(target: string): string {
  return `credentials are not sent to ${target} without TLS: only to loopback`;
}
