import { createTokenSigner, Event, type PartialMessage, PublishRequest } from "@millrace/shared-types";

import { MemoryEventLog } from "../adapters/memory/memory-event-log.js";
import { MemoryRecordStore } from "../adapters/memory/memory-record-store.js";
import { callOf, type TestCall } from "../files/files-fixture.test.support.js";
import type { EventLog } from "../ports/event-log.js";
import type { CallContext } from "../rpc/call-context.js";
import { ManualClock } from "../testing/manual-clock.js";

import { type Events, type EventsOptions, openEvents } from "./open-events.js";

/** The events domain for a test, by default in memory, with a clock that the test moves. */
export interface EventsFixture extends AsyncDisposable {
  readonly events: Events;
  readonly log: EventLog;
  readonly clock: ManualClock;
}

/** Opens an {@link EventsFixture}. */
export async function openEventsFixture(options: Partial<EventsOptions> = {}): Promise<EventsFixture> {
  const clock = new ManualClock(Date.UTC(2026, 0, 1));
  const log = options.eventLog ?? new MemoryEventLog({ clock });
  const events = await openEvents({
    records: new MemoryRecordStore(),
    clock,
    tokenSigner: createTokenSigner(Buffer.alloc(32, 1)),
    clusterId: "c1",
    ...options,
    limits: { maxLingerMs: 0, ...options.limits },
    eventLog: log,
  });
  return {
    events,
    log,
    clock,
    async [Symbol.asyncDispose]() {
      await events[Symbol.asyncDispose]();
      await log[Symbol.asyncDispose]();
    },
  };
}

/** A publication with defaults for what is left out. */
export function publication(fields: PartialMessage<PublishRequest>): PublishRequest {
  return PublishRequest.fromPartial(fields);
}

/** An event of type "t" with defaults for what is left out. */
export function eventOf(fields: PartialMessage<Event> = {}): Event {
  return Event.fromPartial({ type: "t", ...fields });
}

/** All events of all streams that are not the server's, in order. */
export async function allEvents(log: EventLog): ReturnType<EventLog["read"]> {
  return log.read({ after: (await log.range()).firstSequence - 1, maxEvents: 10_000, maxBytes: 1e9 });
}

/** `log`, but for the methods that a test brings. */
export function logWith(log: EventLog, methods: Partial<EventLog>): EventLog {
  return new Proxy(log, {
    get: (target, name) => {
      const value: unknown = Reflect.get(methods, name) ?? Reflect.get(target, name);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

/** A call that can be told of a drain. */
export interface StreamCall extends TestCall {
  drain(): void;
}

export function streamCall(): StreamCall {
  const call = callOf();
  const draining = new AbortController();
  const context: CallContext = { ...call.context, kind: "bidi-streaming", draining: draining.signal };
  return { ...call, context, drain: () => draining.abort() };
}
