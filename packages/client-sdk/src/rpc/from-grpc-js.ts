import type { MessageType, MethodDefinition } from "@millrace/shared-types";

import { asBuffer } from "./grpc-metadata.js";
import type { SerializedType } from "./message-bytes.js";

/** One RPC as ts-proto and others describe it for grpc-js (`outputServices=grpc-js`). */
export interface GrpcJsMethod {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (value: never) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => unknown;
}

/** A service as ts-proto describes it with `outputServices=grpc-js`. */
export type GrpcJsService = Readonly<Record<string, GrpcJsMethod>>;

type MethodOf<M extends GrpcJsMethod> = MethodDefinition<
  Parameters<M["requestSerialize"]>[0],
  ReturnType<M["responseDeserialize"]>
> & { readonly requestStream: M["requestStream"]; readonly responseStream: M["responseStream"] };

/** The same service in the shape that this package works with. */
export interface FromGrpcJs<S extends GrpcJsService> {
  readonly name: string;
  readonly fullName: string;
  readonly methods: { readonly [Name in keyof S]: MethodOf<S[Name]> };
}

/**
 * Adapts a service that was generated for grpc-js. This shape does not know defaults, so that
 * requests must have all their fields.
 */
export function fromGrpcJs<S extends GrpcJsService>(service: S): FromGrpcJs<S> {
  const [first] = Object.values(service);
  const fullName = first?.path.split("/")[1] ?? "";
  const methods = Object.entries(service).map(([key, method]) => [key, toDefinition(method)]);
  return {
    name: fullName.slice(fullName.lastIndexOf(".") + 1),
    fullName,
    methods: Object.fromEntries(methods) as FromGrpcJs<S>["methods"],
  };
}

function toDefinition(method: GrpcJsMethod): MethodDefinition {
  const { path, requestStream, responseStream } = method;
  return {
    name: path.slice(path.lastIndexOf("/") + 1),
    requestType: serialized<never>(method.requestSerialize, unused),
    requestStream,
    responseType: serialized(unused, (bytes) => method.responseDeserialize(asBuffer(bytes))),
    responseStream,
    options: {},
  };
}

function serialized<T>(toBytes: (message: T) => Uint8Array, fromBytes: (bytes: Uint8Array) => T): MessageType<T> {
  const type: SerializedType<T> = {
    toBytes,
    fromBytes,
    fromPartial: (message) => message as T,
    encode: unused,
    decode: unused,
  };
  return type;
}

/** A client writes requests and reads responses, and by other means than these. */
function unused(): never {
  throw new Error("not used by a client");
}
