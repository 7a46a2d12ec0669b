import type { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";

import type { EncodedMessages } from "./codec/encoded-message.js";

/** What ts-proto generates for a message: how to read it, write it and complete it. */
export interface MessageType<T> {
  encode(message: T, writer?: BinaryWriter): BinaryWriter;
  decode(input: BinaryReader | Uint8Array, length?: number): T;
  /** Fills every field that `object` leaves out with its default. */
  fromPartial(object: PartialMessage<T>): T;
}

type Primitive = string | number | boolean | bigint | undefined | null | Date | Uint8Array;

/** A message of which any field, at any depth, may be left out. */
export type PartialMessage<T> = T extends Primitive
  ? T
  : T extends readonly (infer Item)[]
    ? PartialMessage<Item>[]
    : T extends ReadonlyMap<infer Key, infer Value>
      ? Map<Key, Value>
      : T extends { readonly $case: string }
        ? { [K in keyof T]?: K extends "$case" ? T[K] : PartialMessage<T[K]> } & { readonly $case: T["$case"] }
        : { readonly [K in keyof T]?: PartialMessage<T[K]> };

/** One RPC as ts-proto describes it with `outputServices=generic-definitions`. */
export interface MethodDefinition<Request = any, Response = any> {
  /** Name in the proto, such as `UploadFile`. */
  readonly name: string;
  readonly requestType: MessageType<Request>;
  readonly requestStream: boolean;
  readonly responseType: MessageType<Response>;
  readonly responseStream: boolean;
  readonly options: { readonly idempotencyLevel?: "IDEMPOTENT" | "NO_SIDE_EFFECTS" };
}

/** A service as ts-proto describes it with `outputServices=generic-definitions`. */
export interface ServiceDefinition {
  readonly name: string;
  /** With its package, such as `streaming.v1.FileService`. */
  readonly fullName: string;
  readonly methods: Readonly<Record<string, MethodDefinition>>;
}

/** The four kinds of RPC. */
export type MethodKind = "unary" | "server-streaming" | "client-streaming" | "bidi-streaming";

/** Kind of an RPC. */
export function methodKind(method: MethodDefinition): MethodKind {
  if (method.requestStream) return method.responseStream ? "bidi-streaming" : "client-streaming";
  return method.responseStream ? "server-streaming" : "unary";
}

/** Path of an RPC on the wire, such as `/streaming.v1.FileService/GetFile`. */
export function methodPath(service: ServiceDefinition, method: MethodDefinition): string {
  return `/${service.fullName}/${method.name}`;
}

/** Request message of an RPC. */
export type RequestOf<M> = M extends { readonly requestType: MessageType<infer Request> } ? Request : never;

/** Response message of an RPC. */
export type ResponseOf<M> = M extends { readonly responseType: MessageType<infer Response> } ? Response : never;

/** The function that serves one RPC: its shape follows from the RPC's kind. */
export type MethodHandler<M, Context> = M extends { readonly requestStream: true; readonly responseStream: true }
  ? (requests: AsyncIterable<RequestOf<M>>, context: Context) => AsyncIterable<ResponseOf<M> | EncodedMessages>
  : M extends { readonly requestStream: true }
    ? (requests: AsyncIterable<RequestOf<M>>, context: Context) => Promise<ResponseOf<M>>
    : M extends { readonly responseStream: true }
      ? (request: RequestOf<M>, context: Context) => AsyncIterable<ResponseOf<M> | EncodedMessages>
      : (request: RequestOf<M>, context: Context) => Promise<ResponseOf<M>>;

/** All handlers of a service: a forgotten RPC is a compile error. */
export type ServiceHandlers<S extends ServiceDefinition, Context> = {
  readonly [Name in keyof S["methods"]]: MethodHandler<S["methods"][Name], Context>;
};
