import {
  decodeMessage,
  EncodedMessages,
  Event,
  type EventBatch,
  type MessageType,
  type PartialMessage,
  WatchEventBatchesRequest,
  WatchEventBatchesResponse,
  WatchRequest,
} from "@millrace/shared-types";

import type { EventLog, ReadOptions, ReadResult } from "../ports/event-log.js";
import type { CallContext, HeaderMap } from "../rpc/call-context.js";

import { openEventFeed } from "./event-feed.js";
import type { EventsDeps } from "./events-deps.js";
import {
  type EventsFixture,
  logWith,
  openEventsFixture,
  type StreamCall,
  streamCall,
} from "./events-fixture.test.support.js";
import { append } from "./feed-fixture.test.support.js";
import { watchEventBatches } from "./watch-event-batches.js";
import { watchEvents } from "./watch-events.js";

/** A stream of messages as a client reads it, and the call that it belongs to. */
export class TestStream<T> implements AsyncDisposable {
  readonly call: StreamCall;
  readonly headers: Promise<HeaderMap>;
  readonly #messages: AsyncGenerator<T, void, undefined>;

  constructor(type: MessageType<T>, open: (context: CallContext) => AsyncIterable<T | EncodedMessages>) {
    this.call = streamCall();
    let sendHeaders: (headers: HeaderMap) => void = () => {};
    this.headers = new Promise((resolve) => (sendHeaders = resolve));
    const context = { ...this.call.context, sendHeaders: (headers: HeaderMap = {}) => sendHeaders(headers) };
    this.#messages = messagesOf(type, open(context));
  }

  /** The next message; `undefined` if the stream has ended. */
  async next(): Promise<T | undefined> {
    const { value } = await this.#messages.next();
    return value ?? undefined;
  }

  /** The next messages. */
  async take(count: number): Promise<T[]> {
    const taken: T[] = [];
    while (taken.length < count) {
      const message = await this.next();
      if (message === undefined) throw new Error(`ended after ${String(taken.length)} messages`);
      taken.push(message);
    }
    return taken;
  }

  /** All messages up to the end. */
  async rest(): Promise<T[]> {
    const taken: T[] = [];
    for (let message = await this.next(); message !== undefined; message = await this.next()) taken.push(message);
    return taken;
  }

  /** Cancels the call, and waits for its handler. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.call.abort(new Error("the test is over"));
    await this.#messages.return();
  }
}

async function* messagesOf<T>(
  type: MessageType<T>,
  responses: AsyncIterable<T | EncodedMessages>,
): AsyncGenerator<T, void, undefined> {
  for await (const response of responses) {
    if (response instanceof EncodedMessages) {
      for (const bytes of response.toBytes()) yield decodeMessage(type, bytes);
    } else yield response;
  }
}

/** A call of WatchEvents. Nothing happens before something is read. */
export function watching(deps: EventsDeps, request: PartialMessage<WatchRequest> = {}): TestStream<Event> {
  return new TestStream(Event, (context) => watchEvents(WatchRequest.fromPartial(request), context, deps));
}

/** A call of WatchEventBatches. */
export function watchingBatches(
  deps: EventsDeps,
  request: PartialMessage<WatchEventBatchesRequest> = {},
): TestStream<WatchEventBatchesResponse> {
  const open = (context: CallContext): ReturnType<typeof watchEventBatches> =>
    watchEventBatches(WatchEventBatchesRequest.fromPartial(request), context, deps);
  return new TestStream(WatchEventBatchesResponse, open);
}

export interface WatchFixtureOptions {
  /** Less than a server may have. Default 8 MiB. */
  readonly tailBytes?: number;
  /** Default: in memory. */
  readonly eventLog?: EventLog;
  /** Called before the feed reads from storage. */
  readonly onRead?: () => unknown;
}

/** A fixture with events 1 to `count`, each an append of its own. */
export async function fixtureWith(count: number, options: WatchFixtureOptions = {}): Promise<EventsFixture> {
  const { tailBytes = 8 * 1024 * 1024, eventLog, onRead = () => {} } = options;
  const { log, events, ...fixture } = await openEventsFixture(eventLog && { eventLog });
  for (let i = 0; i < count; i += 1) await append(log, "s", {});
  const read = async (asked: ReadOptions): Promise<ReadResult> => {
    await onRead();
    return log.read(asked);
  };
  const feed = await openEventFeed({ log: logWith(log, { read }), positions: events.positions, tailBytes });
  return {
    ...fixture,
    log,
    events: { ...events, feed },
    async [Symbol.asyncDispose]() {
      await feed[Symbol.asyncDispose]();
      await events[Symbol.asyncDispose]();
      await log[Symbol.asyncDispose]();
    },
  };
}

/** Begins to read, and resolves when the server has said that the watch is in place. */
export async function begun<T>(stream: TestStream<T>): Promise<{ readonly first: Promise<T | undefined> }> {
  const first = stream.next();
  first.catch(() => {});
  await stream.headers;
  return { first };
}

/** Sequences of messages that are events; the kinds of the others. */
export function outline(messages: readonly Event[]): (number | string)[] {
  return messages.map(({ control, sequence }) => control?.kind?.$case ?? sequence);
}

/** The same of batches, each as one array. */
export function outlineOfBatches(
  responses: readonly ({ readonly batch: EventBatch | undefined } | undefined)[],
): (number[] | string)[] {
  return responses.map(
    (response) =>
      response?.batch?.control?.kind?.$case ?? (response?.batch?.events ?? []).map(({ sequence }) => sequence),
  );
}
