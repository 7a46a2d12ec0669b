import {
  type MethodDefinition,
  methodPath,
  type PartialMessage,
  type RequestOf,
  type ResponseOf,
  type ServiceDefinition,
} from "@millrace/shared-types";

import { StreamingError } from "../errors.js";
import type { CallOptions } from "../options.js";
import { CallScope } from "./call-scope.js";
import { OpenCall } from "./open-call.js";
import { PullIterator } from "./pull-iterator.js";
import { type RpcCore, withDefaults } from "./rpc-core.js";
import type { ServerStream, StreamEnd } from "./streams.js";
import type { HeaderMap } from "./transport.js";

/** One request, any number of responses. */
export function serverStream<M extends MethodDefinition>(
  core: RpcCore,
  service: ServiceDefinition,
  method: M,
  request: PartialMessage<RequestOf<M>>,
  options: CallOptions = {},
): ServerStream<ResponseOf<M>> {
  const stream = new ResponseStream(core, service, method, options);
  stream.sendOnly(request);
  return stream;
}

/** The responses of a call, pulled one at a time. */
export class ResponseStream<M extends MethodDefinition> implements ServerStream<ResponseOf<M>> {
  readonly headers: Promise<HeaderMap>;
  readonly trailers: Promise<HeaderMap>;
  readonly closed: Promise<StreamEnd>;
  protected readonly call: OpenCall<M>;
  protected readonly method: string;
  /** The requests on their way; what it rejects with is what the consumer gets. */
  protected sending: Promise<void> = Promise.resolve();
  readonly #core: RpcCore;
  readonly #scope: CallScope;
  readonly #iterator: PullIterator<ResponseOf<M>>;
  #isTaken = false;

  constructor(core: RpcCore, service: ServiceDefinition, method: M, callOptions: CallOptions) {
    const options = withDefaults(core, callOptions);
    this.method = methodPath(service, method).slice(1);
    this.#core = core;
    this.#scope = new CallScope(this.method, options, core.clock, core.calls);
    core.counters.started++;
    this.call = new OpenCall(core, this.#scope, method, options);
    this.headers = this.call.headers;
    this.trailers = this.call.trailers;
    this.closed = this.call.ended.then((end) => this.#close(end));
    this.#iterator = new PullIterator(
      () => this.#pull(),
      () => this.call.cancel(),
    );
  }

  /** Sends the one request of a call that has only one; a request that cannot be sent fails the call. */
  sendOnly(request: PartialMessage<RequestOf<M>>): void {
    try {
      void this.call.transport.send(this.call.encode(request));
      this.call.transport.halfClose();
    } catch (error) {
      if (!StreamingError.is(error)) throw error;
      this.call.fail(error);
    }
  }

  [Symbol.asyncIterator](): AsyncIterator<ResponseOf<M>, undefined, undefined> {
    if (this.#isTaken) throw new TypeError("a stream can be iterated once");
    this.#isTaken = true;
    return this.#iterator;
  }

  cancel(reason?: unknown): void {
    this.call.cancel(reason);
    this.#iterator.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
    await this.closed;
  }

  async #pull(): Promise<ResponseOf<M> | undefined> {
    const message = await this.call.receive();
    if (message !== undefined) return message;
    await this.sending;
    if (this.call.end?.type === "failed") throw this.call.end.error;
    return undefined;
  }

  #close(end: StreamEnd): StreamEnd {
    const { counters } = this.#core;
    counters[end.type]++;
    this.#scope.end();
    return end;
  }
}
