import type {
  MethodDefinition,
  PartialMessage,
  RequestOf,
  ResponseOf,
  ServiceDefinition,
} from "@millrace/shared-types";

import type { CallOptions } from "../options.js";
import type { DuplexStream, ServerStream } from "./streams.js";

/** Requests of a client stream: pulled as the connection accepts them. */
export type RequestSource<T> = Iterable<T> | AsyncIterable<T>;

/**
 * The four kinds of call over one connection: what every domain API and every typed client is
 * made of. Requests may leave out fields. Unary calls that the proto marks NO_SIDE_EFFECTS or
 * IDEMPOTENT are retried by the client's policy, others only if `options.retry` is given.
 */
export interface Rpc {
  unary<M extends MethodDefinition>(
    service: ServiceDefinition,
    method: M,
    request: PartialMessage<RequestOf<M>>,
    options?: CallOptions,
  ): Promise<ResponseOf<M>>;

  serverStream<M extends MethodDefinition>(
    service: ServiceDefinition,
    method: M,
    request: PartialMessage<RequestOf<M>>,
    options?: CallOptions,
  ): ServerStream<ResponseOf<M>>;

  /** If the server answers early, `requests` is closed (`return()`) and the response given. */
  clientStream<M extends MethodDefinition>(
    service: ServiceDefinition,
    method: M,
    requests: RequestSource<PartialMessage<RequestOf<M>>>,
    options?: CallOptions,
  ): Promise<ResponseOf<M>>;

  duplex<M extends MethodDefinition>(
    service: ServiceDefinition,
    method: M,
    options?: CallOptions,
  ): DuplexStream<PartialMessage<RequestOf<M>>, ResponseOf<M>>;
}
