export {
  defineProcessor,
  type Processor,
  type ProcessorContext,
  type ProcessorDefinition,
  type ProcessorOutput,
} from "./batch/processor.js";
export { HealthState } from "./health/health-service.js";
export type { BlobDigest, BlobRange, BlobStore, StagedBlob } from "./ports/blob-store.js";
export { type Clock, systemClock } from "./ports/clock.js";
export {
  type Mutation,
  type RecordStore,
  type ScanOptions,
  type StoredRecord,
  VersionConflict,
} from "./ports/record-store.js";
export type { Authenticate, AuthenticationRequest } from "./rpc/authenticate.js";
export {
  type BoundMethod,
  type BoundService,
  partialService,
  service,
  type ServicePolicy,
} from "./rpc/bind-service.js";
export type { CallContext, HeaderMap, Principal } from "./rpc/call-context.js";
export { createServer, type RunningServer, type ServerStats } from "./rpc/create-server.js";
export { type GrpcJsHandlers, type GrpcJsMethod, type GrpcJsService, grpcJsService } from "./rpc/grpc-js-service.js";
export type { CallTimeouts } from "./rpc/live-call.js";
export { type LogFields, type Logger, silentLogger } from "./rpc/logger.js";
export { OptionError } from "./rpc/number-options.js";
export type { TlsOptions } from "./rpc/server-credentials.js";
export type { ServerLimits, ServerOptions, ServerTimeouts } from "./rpc/server-options.js";
export type { MergeConflict, Merged, MergeFunction, MergeVersion } from "./sync/merge-function.js";
export { createStreamingServer } from "./streaming-server.js";
export type { StreamingServerOptions } from "./streaming-server-options.js";
