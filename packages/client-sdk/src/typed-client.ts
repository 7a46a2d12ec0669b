import type { ServiceDefinition } from "@millrace/shared-types";

import { createClient, type StreamingClient } from "./client.js";
import type { ClientOptions } from "./options.js";
import { type TypedMethods, typedMethods } from "./rpc/typed-methods.js";

/**
 * The RPCs of a service as functions. Disposing of it closes the connection if it was made with
 * options; a client that it was made with stays open.
 */
export type TypedClient<S extends ServiceDefinition> = TypedMethods<S> & AsyncDisposable;

/**
 * Calls any service that ts-proto describes, with the same runtime as the built-in ones:
 *
 * * unary: `(request, options?) => Promise<Response>`
 * * server streaming: `(request, options?) => ServerStream<Response>`
 * * client streaming: `(requests, options?) => Promise<Response>`
 * * both: `(options?) => DuplexStream<Request, Response>` or `(requests, options?) => ServerStream<Response>`
 *
 * Requests may leave out fields.
 *
 * @param service generated with `outputServices=generic-definitions`; for `outputServices=grpc-js`
 *   see `fromGrpcJs`
 * @param client a client, or the options of one that is made for this service alone
 */
export function createTypedClient<S extends ServiceDefinition>(
  service: S,
  client: StreamingClient | ClientOptions,
): TypedClient<S> {
  const isOwn = !("rpc" in client);
  const { rpc, close } = isOwn ? createClient(client) : client;
  return Object.assign(typedMethods(service, rpc), {
    [Symbol.asyncDispose]: () => (isOwn ? close() : Promise.resolve()),
  });
}
