import {
  type BatchOptions,
  BatchServiceDefinition,
  type PartialMessage,
  type ProcessResult,
  type ProcessStreamRequest,
  type ProcessStreamResponse,
} from "@millrace/shared-types";

import { InternalError, StreamingError, UnavailableError } from "../errors.js";
import type { CallOptions } from "../options.js";
import type { DuplexStream } from "../rpc/streams.js";
import type { BatchDeps } from "./batch-api.js";
import { METHOD, toItemResult, unsentResult } from "./batch-result.js";
import type { BatchTally } from "./batch-tally.js";
import type { PendingItem, PendingItems } from "./pending-items.js";
import type { BatchItem } from "./types.js";

/** What one stream of a batch works on. */
export interface ProcessTask<T extends BatchItem> {
  readonly pending: PendingItems<T>;
  readonly tally: BatchTally<T>;
  readonly options: PartialMessage<BatchOptions>;
  /** Called whenever an item has its result. */
  readonly onProgress: () => void;
}

/** A failure that has nothing to do with the stream: of the caller's items, or of what the caller does with results. */
export class CallersFailure extends Error {
  readonly error: unknown;

  constructor(error: unknown) {
    super("the caller's items or results failed", { cause: error });
    this.error = error;
  }
}

type Stream = DuplexStream<PartialMessage<ProcessStreamRequest>, ProcessStreamResponse>;

/**
 * Sends the items that have no result over one stream, beginning with what an earlier one left, and takes the results.
 * Resolves when all are there. Nothing of it runs any more when it settles, but for a read of the source.
 *
 * @throws {StreamingError} what ended the stream before that
 * @throws {CallersFailure}
 */
export async function processOverStream<T extends BatchItem>(
  { rpc }: BatchDeps,
  task: ProcessTask<T>,
  call: CallOptions,
): Promise<void> {
  await using stream = rpc.duplex(BatchServiceDefinition, BatchServiceDefinition.methods.processStream, call);
  const sender = new ItemSender(stream, task);
  void sender.run();
  try {
    if (!(await takeResults(stream, task))) throw sender.failure ?? endedEarly();
  } catch (error) {
    throw sender.failure ?? error;
  } finally {
    sender.stop();
  }
  if (task.pending.size > 0) throw broken(`${String(task.pending.size)} items have no result at the end`);
}

/** Whether the totals came: then all results have come before. */
async function takeResults<T extends BatchItem>(stream: Stream, task: ProcessTask<T>): Promise<boolean> {
  let isComplete = false;
  for await (const { kind } of stream) {
    if (kind?.$case === "result") await takeResult(kind.value, task);
    else isComplete ||= kind?.$case === "summary";
  }
  return isComplete;
}

async function takeResult<T extends BatchItem>(
  result: ProcessResult,
  { pending, tally, onProgress }: ProcessTask<T>,
): Promise<void> {
  const item = pending.take(result.index);
  if (item === undefined)
    throw broken(`the server gave a result of item ${String(result.index)}, which has none to come`);
  const received = toItemResult(item.item, result);
  onProgress();
  try {
    await tally.add(received);
  } catch (error) {
    throw new CallersFailure(error);
  }
}

/** Sends one item after another, as the stream takes them. */
class ItemSender<T extends BatchItem> {
  readonly #stream: Stream;
  readonly #task: ProcessTask<T>;
  #isOver = false;
  #failure: CallersFailure | undefined;

  constructor(stream: Stream, task: ProcessTask<T>) {
    this.#stream = stream;
    this.#task = task;
  }

  /** Why it cancelled the stream. */
  get failure(): CallersFailure | undefined {
    return this.#failure;
  }

  stop(): void {
    this.#isOver = true;
  }

  /** Never rejects. */
  async run(): Promise<void> {
    const { pending, options } = this.#task;
    try {
      await this.#stream.send({ options }).catch(() => undefined); // why, is told by the responses
      for (let item = await pending.from(0); item !== undefined && !this.#isOver;) {
        await this.#send(item);
        item = await pending.from(item.index + 1);
      }
      if (!this.#isOver) await this.#stream.end().catch(() => undefined);
    } catch (error) {
      if (this.#isOver) return;
      this.#failure = new CallersFailure(error);
      this.#stream.cancel("the items failed");
    }
  }

  async #send({ index, item, request }: PendingItem<T>): Promise<void> {
    try {
      await this.#stream.send({ item: request, index });
    } catch (error) {
      if (!isUnsendable(error)) this.#isOver = true; // why, is told by the responses
      else await this.#refuse(index, item, error);
    }
  }

  /** No stream can carry it. */
  async #refuse(index: number, item: T, error: StreamingError): Promise<void> {
    const { pending, tally, onProgress } = this.#task;
    if (pending.take(index) === undefined) return;
    onProgress();
    await tally.add(unsentResult(item, index, error));
  }
}

function isUnsendable(error: unknown): error is StreamingError {
  if (!StreamingError.is(error) || error.origin !== "client") return false;
  return error.kind === "message-too-large" || error.kind === "invalid-argument";
}

function endedEarly(): UnavailableError {
  const message = "the server ended the stream before it had given all results";
  return new UnavailableError(message, { method: METHOD, origin: "server", retryable: true });
}

function broken(message: string): InternalError {
  return new InternalError(message, { method: METHOD, origin: "server" });
}
