import {
  decodeMessage,
  type EncodedMessage,
  layOutMessage,
  methodKind,
  type MethodKind,
  methodPath,
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

/** A handler whose kind is known by other means; its shape was checked where it was bound. */
export type AnyHandler = (requests: never, context: CallContext) => unknown;

/** One RPC, ready to be served. */
export interface BoundMethod {
  /** Path on the wire, such as `/streaming.v1.FileService/GetFile`. */
  readonly path: string;
  readonly kind: MethodKind;
  /** Throws if the bytes are not a valid message. */
  readonly decode: (bytes: Buffer) => unknown;
  readonly encode: (message: unknown) => EncodedMessage;
  /** `undefined` answers UNIMPLEMENTED. */
  readonly handler: AnyHandler | undefined;
  readonly policy: ServicePolicy;
}

/** One service, ready to be served. Made by `service`, `partialService` or `grpcJsService`. */
export interface BoundService {
  /** With its package, such as `streaming.v1.FileService`. */
  readonly name: string;
  readonly methods: readonly BoundMethod[];
}

/**
 * Handlers of all RPCs of `definition` (ts-proto, `outputServices=generic-definitions`): a forgotten one does
 * not compile.
 */
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
      decode: (bytes) => decodeMessage<unknown>(requestType, bytes),
      encode: (message) => layOutMessage<unknown>(responseType, message),
      handler: handlerOf(handlers, name),
      policy,
    };
  });
  return { name: definition.fullName, methods };
}

/** The method of `handlers` that serves the RPC `name`; it may use `this`. */
export function handlerOf(handlers: object, name: string): AnyHandler | undefined {
  const handler: unknown = Reflect.get(handlers, name);
  return typeof handler === "function" ? (handler.bind(handlers) as AnyHandler) : undefined;
}
