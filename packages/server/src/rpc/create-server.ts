import { randomBytes } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";

import { type ConnectionInjector, Server, type ServiceDefinition as GrpcServiceDefinition } from "@grpc/grpc-js";

import { HealthState, healthService } from "../health/health-service.js";
import type { BoundMethod, BoundService } from "./bind-service.js";
import { DRAIN_NOTICE_MS } from "./call-context.js";
import { CallRegistry } from "./call-registry.js";
import { channelOptions, http2Settings } from "./channel-options.js";
import { tuneSessions, tuneSettings } from "./http2-tuning.js";
import { Listener } from "./listener.js";
import type { CallTimeouts } from "./live-call.js";
import { OptionError } from "./number-options.js";
import { type CallHost, serveCall } from "./serve-call.js";
import { serverCredentials } from "./server-credentials.js";
import { type ResolvedOptions, resolveOptions, type ServerOptions } from "./server-options.js";
import { interceptCalls } from "./wire-call.js";

/** What a server is busy with. */
export interface ServerStats {
  /** Open calls. */
  readonly calls: number;
  /** Handlers that run. */
  readonly handlers: number;
  readonly connections: number;
  readonly draining: boolean;
}

/** A server that listens. `await using` drains and closes it. */
export interface RunningServer extends AsyncDisposable {
  readonly port: number;
  /** `host:port`, as a client takes it. */
  readonly address: string;
  /** What the health service says about services. */
  readonly health: HealthState;

  stats(): ServerStats;

  /**
   * Ends what is going on without losing anything: health says NOT_SERVING, new calls are refused with
   * DRAINING, streams end with DRAINING and the position to resume from, unary calls get
   * `timeouts.drainGraceMs` to finish. Resolves, at the latest a little after that grace, when no call is open.
   * Still listens. Idempotent.
   */
  drain(): Promise<void>;

  /** Drains, then gives back port, connections and timers. Idempotent. */
  close(): Promise<void>;

  /** Ends everything now: handlers are aborted, connections are cut. Also cuts a drain short. */
  kill(): Promise<void>;
}

/**
 * Starts a gRPC server for `services` and `grpc.health.v1.Health`. Resolves when it listens.
 *
 * @throws {OptionError} naming an option that is unknown, out of range or unsafe
 */
export async function createServer(options: ServerOptions = {}): Promise<RunningServer> {
  const server = new StreamServer(resolveOptions(options));
  await server.listen();
  return server;
}

/** How long a drain waits for the last statuses and GOAWAYs to go out, after everything has been told to end. */
const FLUSH_MS = 1_000;

const NEVER = new AbortController().signal;

class StreamServer implements RunningServer {
  readonly health: HealthState;
  readonly #options: ResolvedOptions;
  readonly #calls = new CallRegistry();
  readonly #grpc: Server;
  readonly #injector: ConnectionInjector;
  readonly #listener: Listener;
  readonly #killed = new AbortController();
  #port = 0;
  #drained: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: ResolvedOptions) {
    const { limits, timeouts, tls, clock, logger } = options;
    this.#options = options;
    this.health = new HealthState(options.services.map(({ name }) => name));
    const services = [...options.services, healthService(this.health)];
    const interceptor = interceptCalls(callDispatcher(services, callHost(options, this.#calls)));
    this.#grpc = new Server({ ...channelOptions(limits, timeouts), interceptors: [interceptor] });
    for (const { methods } of services) this.#grpc.addService(grpcDefinition(methods), {});
    tuneSettings(this.#grpc, limits, logger);
    this.#injector = this.#grpc.createConnectionInjector(serverCredentials(tls, { settings: http2Settings(limits) }));
    tuneSessions(this.#grpc, limits, logger);
    this.#listener = new Listener({ ...limits, ...timeouts }, clock, logger, (socket) =>
      this.#injector.injectConnection(socket),
    );
  }

  get port(): number {
    return this.#port;
  }

  get address(): string {
    const { host } = this.#options;
    return `${host.includes(":") ? `[${host}]` : host}:${String(this.#port)}`;
  }

  async listen(): Promise<void> {
    this.#port = (await this.#listener.listen(this.#options.host, this.#options.port)).port;
  }

  stats(): ServerStats {
    const { calls, handlers, draining } = this.#calls;
    return { calls, handlers, connections: this.#listener.connections, draining };
  }

  drain(): Promise<void> {
    return (this.#drained ??= this.#drain());
  }

  close(): Promise<void> {
    return (this.#closed ??= this.drain().then(() => this.#tearDown()));
  }

  async kill(): Promise<void> {
    this.#killed.abort();
    this.#calls.drain();
    this.#calls.endAll();
    this.#listener.stopListening();
    this.#listener.destroyConnections();
    await this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #drain(): Promise<void> {
    const { drainGraceMs, handlerStopMs } = this.#options.timeouts;
    this.health.drain();
    this.#calls.drain();
    await turn(); // watchers of health hear of it before their streams end
    if (this.#calls.announceDrain()) await this.#withinMs(DRAIN_NOTICE_MS, (signal) => this.#calls.whenIdle(signal));
    this.#calls.endStreams();
    await this.#withinMs(drainGraceMs, (signal) => this.#calls.whenIdle(signal));
    this.#calls.endAll();
    await this.#withinMs(handlerStopMs, (signal) => this.#calls.whenIdle(signal));
    this.#calls.resetAll();
  }

  async #tearDown(): Promise<void> {
    this.#listener.stopListening();
    const sessionsClosed = new Promise<void>((resolve) => this.#grpc.tryShutdown(() => resolve()));
    await this.#withinMs(FLUSH_MS, (signal) => this.#listener.whenClosed(signal));
    this.#listener.destroyConnections();
    await Promise.all([sessionsClosed, this.#listener.whenClosed(NEVER)]);
    await this.#withinMs(FLUSH_MS, (signal) => this.#calls.whenIdle(signal), NEVER);
    await this.#options.onClosed?.();
  }

  /** Runs `wait` until it ends, `timeoutMs` have passed, or `cutShort` aborts. */
  async #withinMs(
    timeoutMs: number,
    wait: (signal: AbortSignal) => Promise<void>,
    cutShort: AbortSignal = this.#killed.signal,
  ): Promise<void> {
    const timeout = new AbortController();
    const cancelTimer = this.#options.clock.after(timeoutMs, () => timeout.abort());
    await wait(AbortSignal.any([timeout.signal, cutShort]));
    cancelTimer();
  }
}

function callHost(
  { authenticate, timeouts, methodTimeouts, clock, logger }: ResolvedOptions,
  calls: CallRegistry,
): CallHost {
  const prefix = randomBytes(6).toString("base64url");
  let requests = 0;
  return {
    ...timeouts,
    calls,
    clock,
    log: logger,
    authenticate,
    timeoutsOf: ({ path, kind }): CallTimeouts => ({
      idleMs: kind === "bidi-streaming" ? timeouts.bidiIdleMs : timeouts.idleMs,
      writeStallMs: timeouts.writeStallMs,
      ...methodTimeouts[path],
    }),
    nextRequestId: () => `${prefix}-${(++requests).toString(36)}`,
  };
}

function callDispatcher(services: readonly BoundService[], host: CallHost): Parameters<typeof interceptCalls>[0] {
  const methods = new Map<string, BoundMethod>();
  for (const method of services.flatMap((service) => service.methods)) {
    if (methods.has(method.path)) throw new OptionError(`services: ${method.path} is given twice`);
    methods.set(method.path, method);
  }
  return (wire) => {
    const method = methods.get(wire.path);
    if (method === undefined) return;
    void serveCall(method, wire, host).catch((err: unknown) => {
      host.log.error({ err, method: method.path }, "a call could not be ended");
      wire.reset();
    });
  };
}

/** Tells grpc-js the paths. Messages stay bytes, and its own handlers are never reached: see `interceptCalls`. */
function grpcDefinition(methods: readonly BoundMethod[]): GrpcServiceDefinition {
  const asIs = (bytes: Buffer): Buffer => bytes;
  const entries = methods.map(({ path }) => [
    path,
    {
      path,
      requestStream: true,
      responseStream: true,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    },
  ]);
  return Object.fromEntries(entries) as GrpcServiceDefinition;
}
