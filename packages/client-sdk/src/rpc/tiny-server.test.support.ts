import type { Socket } from "node:net";

import {
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServiceDefinition as GrpcServiceDefinition,
} from "@grpc/grpc-js";
import {
  decodeMessage,
  Duration,
  encodeMessage,
  type MethodDefinition,
  methodPath,
  type ServiceDefinition,
} from "@millrace/shared-types";

import { StreamingError } from "../errors.js";
import type { ClientClock, ClientOptions } from "../options.js";
import { callCounters } from "./call-counters.js";
import { createRpc } from "./create-rpc.js";
import { GrpcTransport } from "./grpc-transport.js";
import { LiveCalls } from "./live-calls.js";
import { RetryBudget } from "./retry-budget.js";
import type { Rpc } from "./rpc.js";
import type { RpcCore } from "./rpc-core.js";
import { StatusFeed } from "./status-feed.js";
import { systemClock } from "./system-clock.js";

type NumberMethod<RequestStream extends boolean, ResponseStream extends boolean> = MethodDefinition<
  Duration,
  Duration
> & { readonly requestStream: RequestStream; readonly responseStream: ResponseStream };

interface Numbers extends ServiceDefinition {
  readonly methods: {
    readonly double: NumberMethod<false, false>;
    readonly look: NumberMethod<false, false>;
    readonly count: NumberMethod<false, true>;
    readonly sum: NumberMethod<true, false>;
    readonly echo: NumberMethod<true, true>;
  };
}

/** Numbers go back and forth, as the seconds of a Duration. */
export const NumberService: Numbers = {
  name: "Numbers",
  fullName: "test.v1.Numbers",
  methods: {
    double: numberMethod("Double", false, false),
    look: { ...numberMethod("Look", false, false), options: { idempotencyLevel: "NO_SIDE_EFFECTS" } },
    count: numberMethod("Count", false, true),
    sum: numberMethod("Sum", true, false),
    echo: numberMethod("Echo", true, true),
  },
};

function numberMethod<Q extends boolean, R extends boolean>(
  name: string,
  requestStream: Q,
  responseStream: R,
): NumberMethod<Q, R> {
  return { name, requestType: Duration, responseType: Duration, requestStream, responseStream, options: {} };
}

/** What a tiny server does; an RPC that is left out is UNIMPLEMENTED. */
export interface Handlers {
  readonly double?: handleUnaryCall<Duration, Duration>;
  readonly look?: handleUnaryCall<Duration, Duration>;
  readonly count?: handleServerStreamingCall<Duration, Duration>;
  readonly sum?: handleClientStreamingCall<Duration, Duration>;
  readonly echo?: handleBidiStreamingCall<Duration, Duration>;
}

export interface TinyServer extends AsyncDisposable {
  readonly target: string;
  readonly port: number;
  readonly server: Server;
  /** Destroys the connections without a farewell. */
  cutConnections(): void;
}

/** A server straight on grpc-js: no code of ours between the test and the wire. */
export async function startTinyServer(handlers: Handlers, port = 0): Promise<TinyServer> {
  const server = new Server({ "grpc.max_receive_message_length": -1 });
  server.addService(grpcDefinition(), { ...handlers });
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${String(port)}`, ServerCredentials.createInsecure(), (error, actual) =>
      error ? reject(error) : resolve(actual),
    );
  });
  const sockets = trackSockets(server);
  const cutConnections = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    target: `127.0.0.1:${String(bound)}`,
    port: bound,
    server,
    cutConnections,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      cutConnections();
      await closed;
    },
  };
}

function grpcDefinition(): GrpcServiceDefinition {
  const entries = Object.entries(NumberService.methods).map(([key, method]) => [
    key,
    {
      path: methodPath(NumberService, method),
      requestStream: method.requestStream,
      responseStream: method.responseStream,
      requestSerialize: (value: Duration) => encodeMessage(Duration, value),
      requestDeserialize: (bytes: Buffer) => decodeMessage(Duration, bytes),
      responseSerialize: (value: Duration | Buffer) =>
        Buffer.isBuffer(value) ? value : encodeMessage(Duration, value),
      responseDeserialize: (bytes: Buffer) => decodeMessage(Duration, bytes),
    },
  ]);
  return Object.fromEntries(entries) as GrpcServiceDefinition;
}

function trackSockets(server: Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  const internals = server as unknown as { readonly http2Servers: ReadonlyMap<NodeJS.EventEmitter, unknown> };
  for (const http2Server of internals.http2Servers.keys()) {
    http2Server.on("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    });
  }
  return sockets;
}

export function duration(seconds: number): Duration {
  return { seconds, nanos: 0 };
}

export function metadataOf(entries: Readonly<Record<string, string | Buffer>>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(entries)) metadata.set(name, value);
  return metadata;
}

export interface TestClient extends AsyncDisposable {
  readonly rpc: Rpc;
  readonly core: RpcCore;
  readonly transport: GrpcTransport;
}

/** The calls of a client without the client around them. */
export function connectTo(
  target: string,
  options: Omit<ClientOptions, "target"> & { readonly clock?: ClientClock } = {},
): TestClient {
  const transport = new GrpcTransport({ target, ...options });
  const core: RpcCore = {
    transport,
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
    auth: typeof options.auth === "object" ? options.auth : undefined,
    retry: options.retry ?? { backoff: { initialMs: 1 } },
    budget: new RetryBudget(),
    maxSendBytes: options.limits?.maxSendBytes ?? 4_194_304,
    defaults: options.defaults ?? {},
    calls: new LiveCalls(),
    counters: callCounters(),
    statuses: new StatusFeed(),
  };
  return {
    rpc: createRpc(core),
    core,
    transport,
    async [Symbol.asyncDispose]() {
      core.calls.close();
      await transport.close();
    },
  };
}

/** What a call fails with; a call that does not fail, or not with one of these, fails the test. */
export async function errorOf(call: PromiseLike<unknown>): Promise<StreamingError> {
  try {
    await call;
  } catch (error) {
    if (StreamingError.is(error)) return error;
    throw error;
  }
  throw new Error("the call did not fail");
}

/** Calls `double` so many times, one after the other, over a connection of its own. */
export async function roundTrips(target: string, count: number): Promise<void> {
  await using client = connectTo(target);
  for (let n = 0; n < count; n++) await client.rpc.unary(NumberService, NumberService.methods.double, {});
}
