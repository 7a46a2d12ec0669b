import {
  type BatchOptions,
  BatchOptions as BatchOptionsType,
  invalidField,
  type ProcessRequest,
  type ProcessStreamRequest,
  ServiceError,
} from "@millrace/shared-types";

import { checkLimit } from "../events/check-limit.js";

import type { BatchDeps } from "./batch-deps.js";
import { type BatchItem, batchItemOf } from "./batch-item.js";

/** The items of BatchProcess as those of ProcessStream: they are what follows each other. */
export async function* withoutIndexes(
  requests: AsyncIterable<ProcessRequest>,
): AsyncGenerator<ProcessStreamRequest, void, undefined> {
  for await (const item of requests) yield { item, index: undefined, options: undefined };
}

/** The items of one stream, read as they are asked for. */
export class BatchRequests {
  readonly #source: AsyncIterator<ProcessStreamRequest>;
  readonly #deps: Pick<BatchDeps, "processors" | "limits">;
  /** Of the first message, if that is an item. */
  #first: ProcessStreamRequest | undefined;
  #operation = "";
  #nextIndex = 0;

  private constructor(source: AsyncIterator<ProcessStreamRequest>, deps: Pick<BatchDeps, "processors" | "limits">) {
    this.#source = source;
    this.#deps = deps;
  }

  /**
   * Reads the first message.
   *
   * @returns `undefined` if there is none
   * @throws ServiceError `INVALID_FIELD` if it has neither an item nor options, or both
   */
  static async open(
    requests: AsyncIterable<ProcessStreamRequest>,
    deps: Pick<BatchDeps, "processors" | "limits">,
  ): Promise<{ readonly options: BatchOptions; readonly items: BatchRequests } | undefined> {
    const source = requests[Symbol.asyncIterator]();
    const step = await source.next();
    if (step.done === true) return undefined;
    const items = new BatchRequests(source, deps);
    const { item, options } = step.value;
    if (options !== undefined && item !== undefined) throw invalidField("options", "must not come with an item");
    if (item === undefined && options === undefined) throw invalidField("item", "must be set");
    if (item !== undefined) {
      if (item.operation === "") throw invalidField("operation", "must be set in the first message");
      items.#operation = item.operation;
      items.#first = step.value;
    }
    return { options: options ?? item?.options ?? BatchOptionsType.fromPartial({}), items };
  }

  /**
   * The next item; `undefined` once the client has said that there are no more.
   *
   * @throws ServiceError `PROTOCOL_VIOLATION` or `LIMIT_EXCEEDED` about the stream
   * @throws the reason that the call ends with
   */
  async next(): Promise<BatchItem | undefined> {
    const request = this.#first ?? (await this.#read());
    if (request === undefined) return undefined;
    const isFirst = this.#first !== undefined;
    this.#first = undefined;
    if (request.options !== undefined || (request.item?.options !== undefined && !isFirst)) {
      throw violation("options come with the first message only", "item");
    }
    if (request.item === undefined) throw violation("a message has no item", "item");
    const index = this.#indexOf(request);
    const operation = request.item.operation || this.#operation;
    if (operation === "") throw invalidField("operation", "must be set: the first message named none");
    return batchItemOf(index, { ...request.item, operation, options: undefined }, this.#deps);
  }

  async #read(): Promise<ProcessStreamRequest | undefined> {
    const step = await this.#source.next();
    return step.done === true ? undefined : step.value;
  }

  #indexOf({ index = this.#nextIndex }: ProcessStreamRequest): number {
    if (index < this.#nextIndex) {
      throw violation(`index is ${String(index)}, after ${String(this.#nextIndex - 1)}`, "an index that grows");
    }
    checkLimit("index", "max_batch_items", this.#deps.limits.maxBatchItems, index + 1);
    this.#nextIndex = index + 1;
    return index;
  }
}

function violation(message: string, expected: string): ServiceError {
  return new ServiceError("PROTOCOL_VIOLATION", message, { metadata: { expected } });
}
