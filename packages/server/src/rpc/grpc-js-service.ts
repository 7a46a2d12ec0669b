import type { MethodHandler, MethodKind, MessageType } from "@millrace/shared-types";

import { type BoundMethod, type BoundService, handlerOf, type ServicePolicy } from "./bind-service.js";
import type { CallContext } from "./call-context.js";

/** One RPC as ts-proto describes it with `outputServices=grpc-js`. */
export interface GrpcJsMethod<Request, Response> {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestDeserialize: (bytes: Buffer) => Request;
  readonly responseSerialize: (message: Response) => Buffer;
}

/** A service as ts-proto describes it with `outputServices=grpc-js`. `never`: each method has types of its own. */
export type GrpcJsService = Readonly<Record<string, GrpcJsMethod<unknown, never>>>;

/** Handlers of some RPCs of a {@link GrpcJsService}, in the same shapes as all others. */
export type GrpcJsHandlers<S extends GrpcJsService> = {
  readonly [Name in keyof S]?: MethodHandler<AsMethod<S[Name]>, CallContext>;
};

/** What `MethodHandler` reads a handler's shape from. */
type AsMethod<M> =
  M extends GrpcJsMethod<infer Request, infer Response>
    ? {
        readonly requestType: MessageType<Request>;
        readonly responseType: MessageType<Response>;
        readonly requestStream: M["requestStream"];
        readonly responseStream: M["responseStream"];
      }
    : never;

/** Like `partialService`, for services generated with ts-proto's `outputServices=grpc-js`. */
export function grpcJsService<S extends GrpcJsService>(
  definition: S,
  handlers: GrpcJsHandlers<S>,
  policy: ServicePolicy = {},
): BoundService {
  const methods = Object.entries(definition).map(([name, method]): BoundMethod => ({
    path: method.path,
    kind: kindOf(method),
    decode: method.requestDeserialize,
    encode: method.responseSerialize as (message: unknown) => Buffer,
    handler: handlerOf(handlers, name),
    policy,
  }));
  return { name: methods[0]?.path.split("/")[1] ?? "", methods };
}

function kindOf({ requestStream, responseStream }: GrpcJsMethod<unknown, never>): MethodKind {
  if (requestStream) return responseStream ? "bidi-streaming" : "client-streaming";
  return responseStream ? "server-streaming" : "unary";
}
