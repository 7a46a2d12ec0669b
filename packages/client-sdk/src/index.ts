export * from "./batch/index.js";
export * from "./chat/index.js";
export { connectClient, createClient, type RawServices, type StreamingClient } from "./client.js";
export type { ClientStats } from "./client-stats.js";
export * from "./data/index.js";
export * from "./errors.js";
export * from "./events/index.js";
export * from "./files/index.js";
export * from "./metrics/index.js";
export type { ServingStatus } from "./info/health.js";
export type { ServerInfo } from "./info/server-info.js";
export type {
  AuthProvider,
  Backoff,
  CallOptions,
  ClientClock,
  ClientOptions,
  ResumePolicy,
  RetryPolicy,
  TlsOptions,
} from "./options.js";
export type * from "./query/index.js";
export type { DrainOptions, WaitOptions } from "./rpc/connection.js";
export { fromGrpcJs, type FromGrpcJs, type GrpcJsMethod, type GrpcJsService } from "./rpc/from-grpc-js.js";
export { resumableStream, type ResumableStreamOptions } from "./rpc/resumable-stream.js";
export type { ResumeLoop, ShouldResume } from "./rpc/resume-loop.js";
export type { RequestSource, Rpc } from "./rpc/rpc.js";
export type { ClientStatus } from "./rpc/status-feed.js";
export type { DuplexStream, ResumableStream, ServerStream, StreamEnd } from "./rpc/streams.js";
export type {
  CallStart,
  ConnectionState,
  HeaderMap,
  Transport,
  TransportCall,
  TransportStatus,
} from "./rpc/transport.js";
export type { BidiMethod, TypedMethod, TypedMethods } from "./rpc/typed-methods.js";
export * from "./sync/index.js";
export { createTypedClient, type TypedClient } from "./typed-client.js";
