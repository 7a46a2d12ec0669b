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
  readonly #core: RpcCore;
  readonly #scope: CallScope;
  /** Settles when the `next()` before has: they are answered in order. */
  #turn: Promise<unknown> = Promise.resolve();
  #isTaken = false;
  #isOver = false;

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
    return {
      next: () => this.#next(),
      return: () => {
        this.cancel();
        return Promise.resolve({ done: true, value: undefined });
      },
      throw: (error) => {
        this.cancel();
        return Promise.reject(error);
      },
    };
  }

  cancel(reason?: unknown): void {
    this.#isOver = true;
    this.call.cancel(reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
    await this.closed;
  }

  #next(): Promise<IteratorResult<ResponseOf<M>, undefined>> {
    const result = this.#turn.then(() => this.#pull());
    this.#turn = result.then(ignore, ignore);
    return result;
  }

  async #pull(): Promise<IteratorResult<ResponseOf<M>, undefined>> {
    const value = this.#isOver ? undefined : await this.call.receive();
    if (value !== undefined && !this.#isOver) return { done: false, value };
    const { end } = this.call;
    // The failure is told once; a consumer that has left does not want to hear of it.
    if (!this.#isOver && end?.type === "failed") {
      this.#isOver = true;
      throw end.error;
    }
    this.#isOver = true;
    return { done: true, value: undefined };
  }

  #close(end: StreamEnd): StreamEnd {
    const { counters } = this.#core;
    counters[end.type]++;
    this.#scope.end();
    return end;
  }
}

function ignore(): void {}

