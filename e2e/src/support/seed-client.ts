import { fileURLToPath } from "node:url";

import * as grpc from "@grpc/grpc-js";
import * as protoLoader from "@grpc/proto-loader";

const PROTO_ROOT = fileURLToPath(new URL("../../../tests/seed", import.meta.url));

/** A chunk with the seed's field names and nothing else. */
export interface SeedChunk {
  content: Uint8Array;
  offset: number;
  total_size: number;
  filename: string;
}

/** What the seed's server answers to an upload. */
export interface SeedUploadResponse {
  file_id: string;
  size: number;
  checksum: string;
}

/** An event with the seed's field names and nothing else. */
export interface SeedEvent {
  id: string;
  type: string;
  payload: Buffer;
  timestamp: { seconds: number; nanos: number } | null;
}

/** A chat message with the seed's field names and nothing else. */
export interface SeedChatMessage {
  user_id: string;
  room_id: string;
  content: string;
  timestamp: { seconds: number; nanos: number } | null;
}

/** The part of the seed's dynamic client that the tests call. */
export interface SeedClient extends grpc.Client {
  uploadFile(
    callback: (error: grpc.ServiceError | null, response?: SeedUploadResponse) => void,
  ): grpc.ClientWritableStream<SeedChunk>;
  downloadFile(request: { file_id: string; start_offset?: number | string }): grpc.ClientReadableStream<SeedChunk>;
  watchEvents(request: { event_types?: string[]; filter?: string }): grpc.ClientReadableStream<SeedEvent>;
  chat(): grpc.ClientDuplexStream<Partial<SeedChatMessage>, SeedChatMessage>;
}

/** A client made from the seed's own proto file, the way its Node snippet makes one. */
export function openSeedClient(target: string, options: grpc.ChannelOptions = {}): SeedClient {
  const definition = protoLoader.loadSync("streaming/v1/seed_streaming_service.proto", {
    includeDirs: [PROTO_ROOT],
    keepCase: true,
    longs: Number,
    defaults: true,
  });
  const root = grpc.loadPackageDefinition(definition) as unknown as {
    streaming: { v1: { StreamingService: new (...args: unknown[]) => SeedClient } };
  };
  return new root.streaming.v1.StreamingService(target, grpc.credentials.createInsecure(), options);
}
