import type {
  MethodDefinition,
  PartialMessage,
  RequestOf,
  ResponseOf,
  ServiceDefinition,
} from "@millrace/shared-types";

import { CancelledError, FailedPreconditionError, type StreamingError } from "../errors.js";
import type { CallOptions } from "../options.js";
import { handled } from "./handled.js";
import type { RpcCore } from "./rpc-core.js";
import type { RequestSource } from "./rpc.js";
import { sendAll } from "./send-all.js";
import { SendQueue } from "./send-queue.js";
import { ResponseStream } from "./server-stream.js";
import type { DuplexStream } from "./streams.js";

/** Any number of requests and responses, each in their own time. */
export function duplexStream<M extends MethodDefinition>(
  core: RpcCore,
  service: ServiceDefinition,
  method: M,
  options: CallOptions = {},
): DuplexStream<PartialMessage<RequestOf<M>>, ResponseOf<M>> {
  return new RequestResponseStream(core, service, method, options);
}

class RequestResponseStream<M extends MethodDefinition>
  extends ResponseStream<M>
  implements DuplexStream<PartialMessage<RequestOf<M>>, ResponseOf<M>>
{
  readonly #queue: SendQueue = new SendQueue(this.call.transport);
  #ending: Promise<void> | undefined;

  get bufferedBytes(): number {
    return this.#queue.bufferedBytes;
  }

  send(message: PartialMessage<RequestOf<M>>): Promise<void> {
    return handled(this.#send(message));
  }

  end(): Promise<void> {
    this.#ending ??= handled(this.#end());
    return this.#ending;
  }

  sendAll(requests: RequestSource<PartialMessage<RequestOf<M>>>): Promise<void> {
    this.#ending = handled(sendAll(requests, this.call));
    this.sending = this.#ending;
    return this.#ending;
  }

  async #send(message: PartialMessage<RequestOf<M>>): Promise<void> {
    const { method } = this;
    if (this.#ending !== undefined) throw new FailedPreconditionError("nothing can be sent after end()", { method });
    this.#throwIfOver();
    await this.#queue.push(this.call.encode(message));
    this.#throwIfOver();
  }

  async #end(): Promise<void> {
    await this.#queue.idle;
    this.call.transport.halfClose();
    if (this.call.end?.type === "failed") throw this.call.end.error;
  }

  #throwIfOver(): void {
    const error = this.#overError();
    if (error !== undefined) throw error;
  }

  #overError(): StreamingError | undefined {
    const { call, method } = this;
    switch (call.end?.type) {
      case "failed":
        return call.end.error;
      case "cancelled":
        return new CancelledError("the stream was cancelled", { method });
      case "completed":
        return new FailedPreconditionError("the server has ended the call", { method });
      default:
        return undefined;
    }
  }
}
