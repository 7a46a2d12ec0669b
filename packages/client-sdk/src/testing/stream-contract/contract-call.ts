import type { MethodKind } from "@millrace/shared-types";

import type { CallOptions } from "../../options.js";
import type { ServerStream } from "../../rpc/streams.js";
import type { ContractItem } from "./contract-service.js";
import type { ContractClient } from "./harness.js";

export type Requests = Iterable<Partial<ContractItem>> | AsyncIterable<Partial<ContractItem>>;

/** A call of any kind as its caller sees it. */
export interface ContractCall {
  /** All responses; throws what the call fails with. */
  readonly responses: AsyncIterable<ContractItem>;
  /** Resolves when nothing more is sent; rejects with what the requests throw. */
  readonly sent: Promise<void>;
  /** Of kinds whose responses are a stream. */
  readonly stream: ServerStream<ContractItem> | undefined;
}

/** Whether calls of this kind have any number of requests. */
export function sendsMany(kind: MethodKind): boolean {
  return kind === "client-streaming" || kind === "bidi-streaming";
}

/** Whether calls of this kind have any number of responses. */
export function receivesMany(kind: MethodKind): boolean {
  return kind === "server-streaming" || kind === "bidi-streaming";
}

/**
 * Begins a call. Kinds with one request take the first of `requests`, which may not be asynchronous then.
 */
export function beginCall(
  kind: MethodKind,
  client: ContractClient,
  requests: Requests,
  options: CallOptions = {},
): ContractCall {
  switch (kind) {
    case "unary":
      return singleResponse(client.unary(firstOf(requests), options));
    case "client-streaming":
      return singleResponse(client.clientStream(requests, options));
    case "server-streaming": {
      const stream = client.serverStream(firstOf(requests), options);
      return { responses: stream, sent: Promise.resolve(), stream };
    }
    case "bidi-streaming": {
      const stream = client.duplex(options);
      return { responses: stream, sent: stream.sendAll(requests), stream };
    }
  }
}

function singleResponse(response: Promise<ContractItem>): ContractCall {
  const sent = handled(response.then(() => undefined));
  return { responses: once(response), sent, stream: undefined };
}

async function* once(response: Promise<ContractItem>): AsyncGenerator<ContractItem> {
  yield await response;
}

function firstOf(requests: Requests): Partial<ContractItem> {
  if (!(Symbol.iterator in requests)) throw new TypeError("a kind with one request takes it from an iterable");
  for (const request of requests) return request;
  return {};
}

function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
