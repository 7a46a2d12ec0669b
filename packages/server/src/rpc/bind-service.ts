import {
  decodeMessage,
  encodeMessage,
  methodKind,
  type MethodHandler,
  type MethodKind,
  methodPath,
  type RequestOf,
  type ResponseOf,
  type ServiceDefinition,
  type ServiceHandlers,
} from "@millrace/shared-types";

import type { CallContext } from "./call-context.js";

/** How a service stands to the rules that hold for all calls. */
export interface ServicePolicy {
  /** Served without asking `authenticate`. Default false. */
  readonly anonymous?: boolean;
  /** Served while the server drains; streams are still ended. Default false. */
  readonly whileDraining?: boolean;
}

/** One RPC, ready to be served. Made by {@link service} or {@link grpcJsService}. */
export interface BoundMethod {
  /** Path on the wire, such as `/streaming.v1.FileService/GetFile`. */
  readonly path: string;
  readonly kind: MethodKind;
  readonly decode: (bytes: Buffer) => unknown;
  readonly encode: (message: unknown) => Buffer;
  /** `undefined` answers UNIMPLEMENTED. */
  readonly handler: AnyHandler | undefined;
  readonly policy: ServicePolicy;
}

/** One service, ready to be served. */
export interface BoundService {
  /** With its package, such as `streaming.v1.FileService`. */
  readonly name: string;
  readonly methods: readonly BoundMethod[];
}

/** A handler whose kind is known by other means; its shape was checked where it was bound. */
export type AnyHandler = (requests: never, context: CallContext) => unknown;

/** Handlers of all RPCs of `definition` (ts-proto, `outputServices=generic-definitions`). A forgotten RPC does not compile. */
export function service<S extends ServiceDefinition>(
  definition: S,
  handlers: ServiceHandlers<S, CallContext>,
  policy: ServicePolicy = {},
): BoundService {
  return partialService(definition, handlers, policy);
}

/** Handlers of some RPCs of `definition`; the others answer UNIMPLEMENTED. */
export function partialService<S extends ServiceDefinition>(
  definition: S,
  handlers: Partial<ServiceHandlers<S, CallContext>>,
  policy: ServicePolicy = {},
): BoundService {
  const methods = Object.entries(definition.methods).map(([name, method]): BoundMethod => {
    const { requestType, responseType } = method;
    return {
      path: methodPath(definition, method),
      kind: methodKind(method),
      decode: (bytes) => decodeMessage(requestType, bytes),
      encode: (message) => encodeMessage(responseType, message),
      handler: handlerOf(handlers, name),
      policy,
    };
  });
  return { name: definition.fullName, methods };
}

/** One RPC as ts-proto describes it with `outputServices=grpc-js`. */
export interface GrpcJsMethod<Request, Response> {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestDeserialize: (bytes: Buffer) => Request;
  readonly responseSerialize: (message: Response) => Buffer;
}

/** A service as ts-proto describes it with `outputServices=grpc-js`. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- as in ServiceDefinition: each method has types of its own
export type GrpcJsService = Readonly<Record<string, GrpcJsMethod<any, any>>>;

/** The shape that {@link MethodHandler} reads, for a method of a {@link GrpcJsService}. */
type AsMethod<M> =
  M extends GrpcJsMethod<infer Request, infer Response>
    ? {
        readonly requestType: Messages<Request>;
        readonly responseType: Messages<Response>;
        readonly requestStream: M["requestStream"];
        readonly responseStream: M["responseStream"];
      }
    : never;

type Messages<T> = import("@millrace/shared-types").MessageType<T>;

/** Handlers of some RPCs of a service generated with `outputServices=grpc-js`. */
export type GrpcJsHandlers<S extends GrpcJsService> = {
  readonly [Name in keyof S]?: MethodHandler<AsMethod<S[Name]>, CallContext>;
};

/** Like {@link partialService}, for services generated with ts-proto's `outputServices=grpc-js`. */
export function grpcJsService<S extends GrpcJsService>(
  definition: S,
  handlers: GrpcJsHandlers<S>,
  policy: ServicePolicy = {},
): BoundService {
  const methods = Object.entries(definition).map(([name, method]): BoundMethod => ({
    path: method.path,
    kind: methodKind(method as never),
    decode: method.requestDeserialize,
    encode: method.responseSerialize,
    handler: handlerOf(handlers, name),
    policy,
  }));
  return { name: serviceNameOf(methods), methods };
}

function handlerOf(handlers: object, name: string): AnyHandler | undefined {
  const handler: unknown = Reflect.get(handlers, name);
  return typeof handler === "function" ? (handler.bind(handlers) as AnyHandler) : undefined;
}

function serviceNameOf(methods: readonly BoundMethod[]): string {
  return methods[0]?.path.split("/")[1] ?? "";
}

export type { RequestOf, ResponseOf };
