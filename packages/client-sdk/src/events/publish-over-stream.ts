import {
  encodeMessage,
  EventServiceDefinition,
  type PartialMessage,
  type PublishStreamRequest,
  type PublishStreamResponse,
  Status,
  STATUS_DETAILS_KEY,
  type StatusCode,
} from "@millrace/shared-types";

import { IdleTimeoutError, InternalError, StreamingError, UnavailableError } from "../errors.js";
import type { CallOptions } from "../options.js";
import type { DuplexStream } from "../rpc/streams.js";
import { toStreamingError } from "../rpc/to-streaming-error.js";
import type { EventsDeps } from "./events-api.js";
import type { PublishBacklog, PublishGroup } from "./publish-backlog.js";
import { toPublished } from "./publish.js";
import { SilenceTimer } from "./silence-timer.js";

const { publishStream } = EventServiceDefinition.methods;

const METHOD = "streaming.v1.EventService/PublishStream";

/** What one stream of a publisher works on. */
export interface PublishStreamTask {
  readonly backlog: PublishBacklog;
  /** Called once with what makes the stream look for work. */
  readonly onOpen: (wake: () => void) => void;
  /** Called whenever something of the backlog has come to its end. */
  readonly onProgress: () => void;
  /** Whether nothing will be added any more. */
  readonly isClosing: () => boolean;
}

/** Silence after which a stream is given up, in milliseconds: with something on its way it counts as lost, else it is not needed. */
const SILENCE_MS = 30_000;

type Stream = DuplexStream<PartialMessage<PublishStreamRequest>, PublishStreamResponse>;

/**
 * Sends what is pending over one stream, beginning with what an earlier one had on its way, until the
 * stream ends or was quiet for long. Nothing of it runs any more when it settles.
 *
 * @throws {StreamingError} what ended the stream before everything was acknowledged
 */
export async function publishOverStream(
  { rpc, clock }: EventsDeps,
  task: PublishStreamTask,
  call: CallOptions,
): Promise<void> {
  const { backlog, onOpen, onProgress } = task;
  await using stream = rpc.duplex(EventServiceDefinition, publishStream, call);
  using silence = new SilenceTimer(clock, SILENCE_MS, () => stream.cancel("nothing came for long"));
  using sender = new GroupSender(stream, task, () => silence.restart());
  onOpen(() => sender.wake());
  sender.wake();
  for await (const response of stream) {
    silence.restart();
    settle(backlog, response);
    onProgress();
    sender.wake();
  }
  if (backlog.isInFlight) throw silence.isOver ? unanswered() : endedEarly();
}

/** Sends one request after another, as long as there are any and the stream takes them. */
class GroupSender implements Disposable {
  readonly #stream: Stream;
  readonly #task: PublishStreamTask;
  readonly #onSend: () => void;
  /** What an earlier stream had on its way. */
  readonly #again: PublishGroup[];
  #isAtWork = false;
  #isOver = false;

  constructor(stream: Stream, task: PublishStreamTask, onSend: () => void) {
    this.#stream = stream;
    this.#task = task;
    this.#onSend = onSend;
    this.#again = [...task.backlog.groups];
  }

  wake(): void {
    if (this.#isAtWork || this.#isOver) return;
    this.#isAtWork = true;
    void this.#work();
  }

  /** Takes nothing more from the backlog: that is for the next stream to do. */
  [Symbol.dispose](): void {
    this.#isOver = true;
  }

  /** Never rejects. */
  async #work(): Promise<void> {
    // Events that are published in one go find each other here.
    await Promise.resolve();
    const { backlog, isClosing } = this.#task;
    for (let group = this.#next(); group !== undefined; group = this.#next()) await this.#send(group);
    this.#isAtWork = false;
    if (isClosing() && backlog.pendingEvents === 0) void this.#stream.end();
  }

  #next(): PublishGroup | undefined {
    return this.#isOver ? undefined : (this.#again.shift() ?? this.#task.backlog.nextGroup());
  }

  async #send(group: PublishGroup): Promise<void> {
    const { requestId, request } = group;
    this.#onSend();
    try {
      await this.#stream.send({ requestId, publish: request });
    } catch (error) {
      if (isUnsendable(error)) this.#refuse(group, error);
      else this.#isOver = true; // why, is told by the responses
    }
  }

  #refuse(group: PublishGroup, error: unknown): void {
    const { backlog, onProgress } = this.#task;
    if (backlog.take(group.requestId) === undefined) return;
    backlog.refused(group, error);
    onProgress();
  }
}

function isUnsendable(error: unknown): boolean {
  if (!StreamingError.is(error) || error.origin !== "client") return false;
  return error.kind === "message-too-large" || error.kind === "invalid-argument";
}

/** @throws {StreamingError} if the outcome is a failure that another attempt may mend, or no outcome at all */
function settle(backlog: PublishBacklog, { requestId, result }: PublishStreamResponse): void {
  if (result?.$case === "error") return settleError(backlog, requestId, errorOf(result.value));
  const group = backlog.take(requestId);
  if (group === undefined || result === undefined) {
    throw new InternalError(`the server answered request ${String(requestId)}, which is none`, {
      method: METHOD,
      origin: "server",
    });
  }
  backlog.stored(group, toPublished(group.request, result.value));
}

function settleError(backlog: PublishBacklog, requestId: number, error: StreamingError): void {
  if (error.retryable) throw error; // it stays on its way, and what comes after it as well
  const group = backlog.take(requestId);
  if (group !== undefined) backlog.refused(group, error);
}

function endedEarly(): UnavailableError {
  const message = "the server ended the stream before it had acknowledged everything";
  return new UnavailableError(message, { method: METHOD, origin: "server", retryable: true });
}

function unanswered(): IdleTimeoutError {
  const message = `no acknowledgement for ${String(SILENCE_MS)} ms`;
  return new IdleTimeoutError(message, { method: METHOD, retryable: true });
}

function errorOf(status: Status): StreamingError {
  const trailers = { [STATUS_DETAILS_KEY]: encodeMessage(Status, status) };
  const { code, message } = status;
  return toStreamingError({ code: code as StatusCode, message, trailers, origin: "server" }, { method: METHOD });
}
