import {
  MetricServiceDefinition,
  type PartialMessage,
  type StreamMetricsRequest,
  type StreamMetricsResponse,
} from "@millrace/shared-types";

import { IdleTimeoutError, StreamingError, UnavailableError } from "../errors.js";
import { SilenceTimer } from "../events/silence-timer.js";
import type { CallOptions } from "../options.js";
import { deferred, type Deferred } from "../rpc/deferred.js";
import type { DuplexStream } from "../rpc/streams.js";
import type { MetricsDeps } from "./metrics-api.js";
import type { SendBacklog } from "./send-backlog.js";

const { streamMetrics } = MetricServiceDefinition.methods;

const METHOD = "streaming.v1.MetricService/StreamMetrics";

/** Silence after which a stream is given up, in milliseconds: with something on its way it counts as lost. */
const SILENCE_MS = 30_000;

/** What one stream works on. */
export interface SendTask {
  readonly backlog: SendBacklog;
  readonly producerId: string;
  /** Called whenever the server has acknowledged something. */
  readonly onProgress: () => void;
}

type Stream = DuplexStream<PartialMessage<StreamMetricsRequest>, StreamMetricsResponse>;

/**
 * Sends what is not acknowledged, and what there is behind it, over one stream, until all of it is acknowledged or the
 * stream ends. Nothing of it runs any more when it settles, but for the source, which may take its time.
 *
 * @throws {StreamingError} what ended the stream before everything was acknowledged
 */
export async function sendOverStream({ rpc, clock }: MetricsDeps, task: SendTask, call: CallOptions): Promise<void> {
  const { backlog, onProgress } = task;
  await using stream = rpc.duplex(MetricServiceDefinition, streamMetrics, call);
  using silence = new SilenceTimer(clock, SILENCE_MS, () => stream.cancel("nothing came for long"));
  using sender = new BatchSender(stream, task, () => silence.restart());
  void sender.run();
  for await (const response of stream) {
    silence.restart();
    backlog.settle(response);
    onProgress();
    sender.wake();
  }
  if (backlog.failure !== undefined) throw backlog.failure.error;
  if (backlog.isDone || (silence.isOver && !backlog.isInFlight && !backlog.mustAsk)) return;
  throw silence.isOver ? unanswered() : endedEarly();
}

/** Sends one message after another, as long as there are any and the stream takes them. */
class BatchSender implements Disposable {
  readonly #stream: Stream;
  readonly #task: SendTask;
  readonly #onSend: () => void;
  #change: Deferred<void> = deferred();
  #isOver = false;

  constructor(stream: Stream, task: SendTask, onSend: () => void) {
    this.#stream = stream;
    this.#task = task;
    this.#onSend = onSend;
  }

  /** The server has answered, or something was read. */
  wake(): void {
    this.#change.resolve();
    this.#change = deferred();
  }

  /** Takes nothing more from the backlog: that is for the next stream to do. */
  [Symbol.dispose](): void {
    this.#isOver = true;
    this.wake();
  }

  /** Never rejects: why it ended, is told by the responses, or in the backlog. */
  async run(): Promise<void> {
    try {
      await this.#sendAll();
    } catch {
      if (this.#task.backlog.failure !== undefined) this.#stream.cancel("nothing more can be sent");
    }
  }

  async #sendAll(): Promise<void> {
    const { backlog, producerId } = this.#task;
    if (backlog.mustAsk) {
      await this.#send({ requestId: 0, export: { producerId } });
      await this.#until(() => !backlog.mustAsk);
    }
    for (let sentTo = 0; !this.#isOver;) {
      const batch = backlog.inFlightAfter(sentTo);
      if (batch === undefined && backlog.isRead) break;
      if (batch === undefined) await this.#readMore();
      else await this.#send({ requestId: batch.requestId, export: { producerId, metrics: [...batch.metrics] } });
      sentTo = batch?.requestId ?? sentTo;
    }
    if (!this.#isOver) await this.#stream.end();
  }

  async #readMore(): Promise<void> {
    const { backlog } = this.#task;
    await this.#until(() => backlog.hasRoom);
    if (this.#isOver) return;
    void backlog.read().then(() => this.wake());
    await this.#until(() => !backlog.isReading);
    if (backlog.failure !== undefined) throw backlog.failure.error;
  }

  /** Resolves when `holds`, or when this is over. */
  async #until(holds: () => boolean): Promise<void> {
    while (!this.#isOver && !holds()) await this.#change.promise;
  }

  async #send(request: PartialMessage<StreamMetricsRequest>): Promise<void> {
    this.#onSend();
    try {
      await this.#stream.send(request);
    } catch (error) {
      if (isUnsendable(error)) this.#task.backlog.fail(error);
      throw error;
    }
  }
}

/** No other stream would take it. */
function isUnsendable(error: unknown): boolean {
  if (!StreamingError.is(error) || error.origin !== "client") return false;
  return error.kind === "message-too-large" || error.kind === "invalid-argument";
}

function endedEarly(): UnavailableError {
  const message = "the server ended the stream before it had acknowledged everything";
  return new UnavailableError(message, { method: METHOD, origin: "server", retryable: true });
}

function unanswered(): IdleTimeoutError {
  const message = `no acknowledgement for ${String(SILENCE_MS)} ms`;
  return new IdleTimeoutError(message, { method: METHOD, retryable: true });
}
