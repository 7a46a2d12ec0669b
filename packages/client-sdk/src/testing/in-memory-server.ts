import {
  decodeMessage,
  EncodedMessages,
  encodeMessage,
  encodeStatusDetails,
  MalformedMessageError,
  methodKind,
  methodPath,
  ServiceError,
  STATUS_DETAILS_KEY,
  StatusCode,
  type MessageType,
  type MethodDefinition,
  type ServiceDefinition,
  type ServiceHandlers,
} from "@millrace/shared-types";

import type { CallStart, TransportStatus } from "../rpc/transport.js";
import { IN_MEMORY_PEER, type InMemoryCall } from "./in-memory-call.js";
import { createInMemoryContext, type ContextControls, type InMemoryCallContext } from "./in-memory-context.js";

/** Adds the handlers of a service. */
export type Serve = <S extends ServiceDefinition>(
  service: S,
  handlers: ServiceHandlers<S, InMemoryCallContext>,
) => void;

/** Any kind of handler, seen as the one that is streamed both ways. */
type AnyHandler = (input: unknown, context: InMemoryCallContext) => AsyncIterable<unknown> | Promise<unknown>;

/** One RPC that is served. */
export interface Route {
  readonly path: string;
  readonly method: MethodDefinition<unknown, unknown>;
  readonly handler: AnyHandler;
}

/** A call that a handler is working on. */
export interface ServedCall {
  readonly route: Route;
  readonly controls: ContextControls;
  readonly call: InMemoryCall;
}

/** The RPCs that `register` adds, by path. */
export function routesOf(register: (serve: Serve) => void): ReadonlyMap<string, Route> {
  const routes = new Map<string, Route>();
  register((service, handlers) => {
    for (const [name, method] of Object.entries(service.methods)) {
      const path = methodPath(service, method);
      const handler = handlers[name] as AnyHandler;
      routes.set(path, { path, method, handler: handler.bind(handlers) });
    }
  });
  return routes;
}

/** Prepares the server's side of `call`. */
export function acceptCall(route: Route, start: CallStart, call: InMemoryCall, requestId: string): ServedCall {
  const controls = createInMemoryContext({
    method: route.path,
    kind: methodKind(route.method),
    requestId,
    peer: IN_MEMORY_PEER,
    headers: start.headers,
    deadline: start.deadline === undefined ? undefined : new Date(start.deadline),
    sendHeaders: (headers = {}) => call.sendHeaders(headers),
  });
  return { route, controls, call };
}

/** Asks the handler to stop; the call ends with `reason` as soon as it has. */
export function abortCall({ controls, call }: ServedCall, reason: Error): void {
  controls.abort(reason);
  call.requests.close();
  call.responses.end();
}

/** Runs the handler to its end, whatever that is. Never rejects. */
export async function runHandler(served: ServedCall): Promise<void> {
  const { context, finish } = served.controls;
  // The client may take its time with the last responses; the handler's end does not wait for that.
  try {
    await respond(served, context);
    void served.call.finish({ code: StatusCode.OK, message: "", trailers: context.trailers, origin: "server" });
  } catch (error) {
    void served.call.finish(statusOf(context.signal.aborted ? context.signal.reason : error, context));
  } finally {
    finish();
  }
}

async function respond(served: ServedCall, context: InMemoryCallContext): Promise<void> {
  const { route, call } = served;
  const { responseType, requestStream } = route.method;
  const input = requestStream ? requestsOf(served) : await onlyRequest(served);
  for await (const response of responsesOf(route.handler(input, context))) {
    context.signal.throwIfAborted();
    call.sendHeaders({});
    for (const message of encodedOf(responseType, response)) {
      await call.responses.put(message);
      context.signal.throwIfAborted();
    }
  }
}

function encodedOf(type: MessageType<unknown>, response: unknown): readonly Uint8Array[] {
  return response instanceof EncodedMessages ? response.toBytes() : [encodeMessage(type, response)];
}

async function* responsesOf(result: AsyncIterable<unknown> | Promise<unknown>): AsyncGenerator<unknown> {
  if (Symbol.asyncIterator in result) yield* result;
  else yield await result;
}

/** Ends at the client's half-close; throws the signal's reason if the call was cut off before. */
async function* requestsOf({ route, call, controls }: ServedCall): AsyncGenerator<unknown> {
  for (let message = await call.requests.take(); message !== undefined; message = await call.requests.take()) {
    yield requestFrom(route, message);
  }
  controls.context.signal.throwIfAborted();
}

async function onlyRequest(served: ServedCall): Promise<unknown> {
  for await (const request of requestsOf(served)) return request;
  throw new ServiceError("PROTOCOL_VIOLATION", "the call has no request", { metadata: { expected: "one request" } });
}

function requestFrom({ method }: Route, message: Uint8Array): unknown {
  try {
    return decodeMessage(method.requestType, message);
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    throw new ServiceError("MALFORMED_MESSAGE", error.message, { cause: error });
  }
}

function statusOf(error: unknown, { trailers, requestId }: InMemoryCallContext): TransportStatus {
  const told =
    error instanceof ServiceError
      ? error
      : new ServiceError("INTERNAL", "internal error", { metadata: { error_id: requestId }, cause: error });
  return {
    code: told.code,
    // As UTF-8, which is how it travels: half a surrogate pair does not survive that.
    message: Buffer.from(told.message).toString(),
    trailers: { ...trailers, [STATUS_DETAILS_KEY]: encodeStatusDetails(told) },
    origin: "server",
  };
}
