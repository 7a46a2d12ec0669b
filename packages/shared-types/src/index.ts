export * from "#gen/streaming/v1/batch.js";
export * from "#gen/streaming/v1/batch_service.js";
export * from "#gen/streaming/v1/chat.js";
export * from "#gen/streaming/v1/chat_service.js";
export * from "#gen/streaming/v1/common.js";
export * from "#gen/streaming/v1/dataset.js";
export * from "#gen/streaming/v1/dataset_service.js";
export * from "#gen/streaming/v1/event.js";
export * from "#gen/streaming/v1/event_service.js";
export * from "#gen/streaming/v1/file.js";
export * from "#gen/streaming/v1/file_service.js";
export * from "#gen/streaming/v1/info_service.js";
export * from "#gen/streaming/v1/item.js";
export * from "#gen/streaming/v1/metric.js";
export * from "#gen/streaming/v1/metric_service.js";
export * from "#gen/streaming/v1/query.js";
export * from "#gen/streaming/v1/query_service.js";
export * from "#gen/streaming/v1/stream_service.js";
export * from "#gen/streaming/v1/streaming_service.js";
export * from "#gen/streaming/v1/sync.js";
export * from "#gen/streaming/v1/sync_service.js";
export { Duration } from "#gen/google/protobuf/duration.js";
export { FieldMask } from "#gen/google/protobuf/field_mask.js";
export { Timestamp } from "#gen/google/protobuf/timestamp.js";
export {
  HealthCheckRequest,
  HealthCheckResponse,
  HealthCheckResponse_ServingStatus,
  HealthDefinition,
} from "#gen/grpc/health/v1/health.js";

export * from "./checksum.js";
export * from "./codec/codec.js";
export { type EncodedMessage, EncodedMessages } from "./codec/encoded-message.js";
export * from "./hybrid-time.js";
export * from "./limits.js";
export * from "./reasons.js";
export * from "./service-definition.js";
export * from "./service-error.js";
export * from "./status-code.js";
export * from "./status-details.js";
export * from "./timestamp.js";
export * from "./token.js";
