import type {
  MethodDefinition,
  PartialMessage,
  RequestOf,
  ResponseOf,
  ServiceDefinition,
} from "@millrace/shared-types";

import type { CallOptions } from "../options.js";
import type { RequestSource, Rpc } from "./rpc.js";
import type { DuplexStream, ServerStream } from "./streams.js";

type PartialRequest<M> = PartialMessage<RequestOf<M>>;

/** A call of both directions: with requests to send, or to be sent to as it goes. */
export interface BidiMethod<M extends MethodDefinition> {
  (options?: CallOptions): DuplexStream<PartialRequest<M>, ResponseOf<M>>;
  (requests: RequestSource<PartialRequest<M>>, options?: CallOptions): ServerStream<ResponseOf<M>>;
}

/** The function that calls one RPC: its shape follows from the RPC's kind. */
export type TypedMethod<M extends MethodDefinition> = M extends {
  readonly requestStream: true;
  readonly responseStream: true;
}
  ? BidiMethod<M>
  : M extends { readonly requestStream: true }
    ? (requests: RequestSource<PartialRequest<M>>, options?: CallOptions) => Promise<ResponseOf<M>>
    : M extends { readonly responseStream: true }
      ? (request: PartialRequest<M>, options?: CallOptions) => ServerStream<ResponseOf<M>>
      : (request: PartialRequest<M>, options?: CallOptions) => Promise<ResponseOf<M>>;

/** One function per RPC of a service. */
export type TypedMethods<S extends ServiceDefinition> = {
  readonly [Name in keyof S["methods"]]: TypedMethod<S["methods"][Name]>;
};

type AnyCall = (input: never, options?: CallOptions) => unknown;

/** The functions that call a service's RPCs over `rpc`. */
export function typedMethods<S extends ServiceDefinition>(service: S, rpc: Rpc): TypedMethods<S> {
  const entries = Object.entries(service.methods).map(
    ([name, method]) => [name, callOf(service, method, rpc)] as const,
  );
  return Object.fromEntries(entries) as unknown as TypedMethods<S>;
}

function callOf(service: ServiceDefinition, method: MethodDefinition, rpc: Rpc): AnyCall {
  if (method.requestStream && method.responseStream) return bidiCall(service, method, rpc);
  if (method.requestStream) return (requests, options) => rpc.clientStream(service, method, requests, options);
  if (method.responseStream) return (request, options) => rpc.serverStream(service, method, request, options);
  return (request, options) => rpc.unary(service, method, request, options);
}

function bidiCall(service: ServiceDefinition, method: MethodDefinition, rpc: Rpc): AnyCall {
  return (input: CallOptions | RequestSource<never> | undefined, options?: CallOptions) => {
    if (input === undefined || !isSource(input)) return rpc.duplex(service, method, input);
    const stream = rpc.duplex(service, method, options);
    void stream.sendAll(input);
    return stream;
  };
}

function isSource(input: CallOptions | RequestSource<never>): input is RequestSource<never> {
  return Symbol.asyncIterator in input || Symbol.iterator in input;
}
