import type { EventBatch, StreamControl } from "@millrace/shared-types";
import {
  decodeMessage,
  encodeStatusDetails,
  type Event,
  EventServiceDefinition,
  type PublishRequest,
  type PublishResponse,
  type PublishStreamRequest,
  type PublishStreamResponse,
  type ReadEventsRequest,
  ServiceError,
  StartPosition,
  Status,
  toDate,
  toTimestamp,
  WatchRequest,
} from "@millrace/shared-types";

import type { InMemoryCallContext } from "../testing/in-memory-context.js";
import type { Serve } from "../testing/in-memory-server.js";
import { latch, type Latch } from "../testing/latch.js";
import { FakeSubscriptions } from "./fake-subscriptions.test.support.js";

/** What EventService promises about one log, in memory, with every request in view. */
export class FakeEventServer {
  /** By sequence, which begins at 1 and grows by `step`. */
  readonly log: Event[] = [];
  readonly publishes: PublishRequest[] = [];
  readonly watches: WatchRequest[] = [];
  readonly reads: ReadEventsRequest[] = [];
  readonly subscriptions: FakeSubscriptions = new FakeSubscriptions();
  /** Events of one message. */
  batchEvents = 3;
  /** Oldest sequence that can be read from. */
  firstSequence = 1;
  step = 1;
  /** Changes what is sent to readers. */
  tamper: (batch: EventBatch) => EventBatch = (batch) => batch;
  /** Called before an append is answered; what it throws is the answer. */
  beforeAnswer: (request: PublishRequest) => void = () => {};
  /** Refuses appends. */
  refusal: (request: PublishRequest) => ServiceError | undefined = () => undefined;
  sendsHeader = true;
  sendsCaughtUp = true;
  /** Ends each watch after its first batch, as if that were all. */
  endsAfterBatch = false;
  #grown: Latch = latch();

  readonly register = (serve: Serve): void => {
    serve(EventServiceDefinition, {
      publish: async (request) => this.#publish(request),
      publishStream: (requests) => this.#publishStream(requests),
      readEvents: (request) => this.#read(request),
      watchEventBatches: ({ watch = WatchRequest.fromPartial({}) }, context) => this.#watch(watch, context),
      getLogInfo: async ({ stream }) => ({
        epoch: "e1",
        firstSequence: this.firstSequence,
        lastSequence: this.lastSequence,
        firstStreamRevision: 1,
        lastStreamRevision: this.#revisionOf(stream),
        resumeToken: tokenAfter(this.lastSequence),
      }),
      truncateStream: async ({ beforeRevision }) => ({ firstStreamRevision: beforeRevision }),
      ...this.subscriptions.handlers,
    });
  };

  get lastSequence(): number {
    return this.log.at(-1)?.sequence ?? 0;
  }

  /** Appends events without a client. */
  add(...events: readonly Partial<Event>[]): void {
    for (const event of events) this.#append("default", event);
    this.#wake();
  }

  /** Adds `count` events whose payloads are their numbers. */
  fill(count: number): void {
    for (let n = 0; n < count; n++) this.add({ payload: Buffer.from(String(n)) });
  }

  #append(stream: string, draft: Partial<Event>): Event {
    const now = toTimestamp(new Date());
    const sequence = this.lastSequence === 0 ? 1 : this.lastSequence + this.step;
    const event: Event = {
      ...EMPTY,
      id: `id-${String(sequence)}`,
      type: "test",
      timestamp: now,
      stream,
      ...definedOf(draft),
      sequence,
      streamRevision: this.#revisionOf(draft.stream ?? stream) + 1,
      resumeToken: tokenAfter(sequence),
      publishTime: now,
    };
    this.log.push(event);
    return event;
  }

  #publish(request: PublishRequest): PublishResponse {
    this.publishes.push(request);
    const { events, expectedRevision } = request;
    const refusal = this.refusal(request);
    if (refusal !== undefined) throw refusal;
    const stream = request.stream === "" ? "default" : request.stream;
    const known = events.map(({ id }) => this.log.find((event) => event.stream === stream && event.id === id));
    const revision = this.#revisionOf(stream);
    if (expectedRevision !== undefined && expectedRevision !== revision && known.includes(undefined)) {
      const metadata = { expected: expectedRevision, actual: revision };
      throw new ServiceError("REVISION_MISMATCH", "another revision", { metadata });
    }
    const published = events.map((event, index) => {
      const stored = known[index] ?? this.#append(stream, { ...event, stream });
      const { id, sequence, streamRevision } = stored;
      return { id, sequence, streamRevision, duplicate: known[index] !== undefined };
    });
    this.#wake();
    this.beforeAnswer(request);
    const last = published.at(-1)?.sequence ?? 0;
    return { events: published, streamRevision: this.#revisionOf(stream), resumeToken: tokenAfter(last) };
  }

  async *#publishStream(requests: AsyncIterable<PublishStreamRequest>): AsyncGenerator<PublishStreamResponse> {
    for await (const { requestId, publish } of requests) {
      if (publish === undefined) throw new Error("nothing to publish");
      yield { requestId, result: this.#resultOf(publish) };
    }
  }

  #resultOf(request: PublishRequest): PublishStreamResponse["result"] {
    try {
      return { $case: "published", value: this.#publish(request) };
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      return { $case: "error", value: decodeMessage(Status, encodeStatusDetails(error)) };
    }
  }

  async *#read(request: ReadEventsRequest): AsyncGenerator<{ readonly batch: EventBatch }> {
    this.reads.push(request);
    const { watch = WatchRequest.fromPartial({}), backwards } = request;
    const { limit, untilSequence } = watch;
    const start = watch.start ?? {
      $case: "startPosition",
      value: backwards ? StartPosition.END : StartPosition.BEGINNING,
    };
    const after = this.#startOf({ ...watch, start });
    const found = this.#selected(watch).filter(({ sequence }) =>
      backwards
        ? sequence <= after && sequence >= untilSequence
        : sequence > after && (untilSequence === 0 || sequence <= untilSequence),
    );
    const events = (backwards ? found.toReversed() : found).slice(0, limit === 0 ? undefined : limit);
    for (let from = 0; from < events.length; from += this.batchEvents) {
      yield { batch: this.#batchOf(events.slice(from, from + this.batchEvents)) };
    }
  }

  async *#watch(watch: WatchRequest, context: InMemoryCallContext): AsyncGenerator<{ readonly batch: EventBatch }> {
    this.watches.push(watch);
    let after = this.#startOf(watch);
    let left = watch.limit === 0 ? Infinity : watch.limit;
    context.sendHeaders(this.sendsHeader ? { "millrace-resume-token": tokenAfter(after) } : { "x-live": "1" });
    if (watch.sendInitialState) {
      const state = newestOfKeys(this.#selected(watch));
      for (let from = 0; from < state.length; from += this.batchEvents) {
        yield { batch: this.#batchOf(state.slice(from, from + this.batchEvents)) };
      }
      after = this.lastSequence;
    }
    let isCaughtUp = !this.sendsCaughtUp;
    while (left > 0) {
      const events = this.#selected(watch)
        .filter(({ sequence }) => sequence > after)
        .slice(0, Math.min(left, this.batchEvents));
      if (events.length > 0) {
        left -= events.length;
        after = events.at(-1)?.sequence ?? after;
        yield { batch: this.#batchOf(events) };
        if (this.endsAfterBatch) return;
      } else if (!isCaughtUp && watch.controls) {
        isCaughtUp = true;
        after = this.lastSequence;
        yield control({
          $case: "caughtUp",
          value: { sequence: after, resumeToken: tokenAfter(after), serverTime: undefined },
        });
      } else if (!(await this.#untilGrown(context.signal))) return;
    }
  }

  /** The sequence after which `watch` starts. */
  #startOf({ start }: WatchRequest): number {
    const after = this.#sequenceOf(start);
    if (after + 1 < this.firstSequence) {
      const metadata = { first_sequence: this.firstSequence, resume_token: tokenAfter(this.firstSequence - 1) };
      throw new ServiceError("COMPACTED", "too old", { metadata });
    }
    if (after > this.lastSequence) {
      throw new ServiceError("FUTURE_POSITION", "not yet", { metadata: { last_sequence: this.lastSequence } });
    }
    return after;
  }

  #sequenceOf(start: WatchRequest["start"]): number {
    switch (start?.$case) {
      case "resumeToken":
        if (start.value.startsWith("old-"))
          throw new ServiceError("EPOCH_CHANGED", "rebuilt", { metadata: { epoch: "e1" } });
        return Number(start.value.slice(1));
      case "startSequence":
        return start.value - 1;
      case "startTime": {
        const since = toDate(start.value);
        const first = this.log.find(({ publishTime }) => publishTime !== undefined && toDate(publishTime) >= since);
        return first === undefined ? this.lastSequence : first.sequence - 1;
      }
      default:
        return start?.value === StartPosition.BEGINNING ? this.firstSequence - 1 : this.lastSequence;
    }
  }

  #selected({ eventTypes, streams }: WatchRequest): readonly Event[] {
    return this.log.filter(
      ({ type, stream, sequence }) =>
        sequence >= this.firstSequence && isNamed(eventTypes, type) && isNamed(streams, stream),
    );
  }

  #batchOf(events: readonly Event[]): EventBatch {
    return this.tamper({ events: [...events], resumeToken: events.at(-1)?.resumeToken ?? "", control: undefined });
  }

  #revisionOf(stream: string): number {
    return this.log.filter((event) => event.stream === stream).length;
  }

  #wake(): void {
    const grown = this.#grown;
    this.#grown = latch();
    grown.open();
  }

  async #untilGrown(signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false;
    const aborted = latch();
    signal.addEventListener("abort", () => aborted.open(), { once: true });
    await Promise.race([this.#grown.promise, aborted.promise]);
    return !signal.aborted;
  }
}

const EMPTY: Event = {
  id: "",
  type: "",
  payload: new Uint8Array(),
  timestamp: undefined,
  sequence: 0,
  stream: "",
  streamRevision: 0,
  resumeToken: "",
  attributes: new Map(),
  key: "",
  tombstone: false,
  contentType: "",
  source: "",
  publishTime: undefined,
  previousPayload: undefined,
  control: undefined,
};

export function tokenAfter(sequence: number): string {
  return `t${String(sequence)}`;
}

export function control(kind: NonNullable<StreamControl["kind"]>): { readonly batch: EventBatch } {
  return { batch: { events: [], resumeToken: "", control: { kind } } };
}

function definedOf(draft: Partial<Event>): Partial<Event> {
  return Object.fromEntries(Object.entries(draft).filter(([, value]) => value !== undefined && value !== ""));
}

function isNamed(patterns: readonly string[], name: string): boolean {
  return (
    patterns.length === 0 ||
    patterns.some((it) => it === name || (it.endsWith("*") && name.startsWith(it.slice(0, -1))))
  );
}

function newestOfKeys(events: readonly Event[]): readonly Event[] {
  const newest = new Map(events.filter(({ key }) => key !== "").map((event) => [event.key, event]));
  return events.filter((event) => newest.get(event.key) === event && !event.tombstone);
}
