import { describe, expect, it } from "@jest/globals";
import type { Event, PartialMessage, PublishRequest, PublishResponse } from "@millrace/shared-types";
import { ServiceError } from "@millrace/shared-types";

import { callOf } from "../files/files-fixture.test.support.js";
import type { AppendResult, EventLog } from "../ports/event-log.js";
import { latch } from "../testing/latch.js";

import {
  allEvents,
  eventOf,
  type EventsFixture,
  logWith,
  openEventsFixture,
  publication,
} from "./events-fixture.test.support.js";
import { toMessage } from "./event-message.js";
import { publish } from "./publish.js";

const { context } = callOf();

function publishing({ events }: EventsFixture, fields: PartialMessage<PublishRequest>): Promise<PublishResponse> {
  return publish(publication(fields), context, events);
}

/** Fields that a publication of these events gets wrong. */
async function wrongFields(fixture: EventsFixture, ...events: readonly PartialMessage<Event>[]): Promise<string[]> {
  const error: unknown = await publishing(fixture, { events: [...events] }).catch((failure: unknown) => failure);
  if (!(error instanceof ServiceError)) throw new Error("was stored");
  return [error.reason ?? "", ...error.fieldViolations.map(({ field }) => field)];
}

describe("Publish", () => {
  it("stores all events of a publication and says where they are", async () => {
    await using fixture = await openEventsFixture();
    const events = [eventOf({ id: "a" }), eventOf({ id: "b" })];
    const published = await publishing(fixture, { stream: "orders/1", events });
    expect(published.events).toEqual([
      { id: "a", sequence: 1, streamRevision: 1, duplicate: false },
      { id: "b", sequence: 2, streamRevision: 2, duplicate: false },
    ]);
    expect(published.streamRevision).toBe(2);
    expect(fixture.events.positions.sequenceOf(published.resumeToken)).toBe(2);
    const stored = await allEvents(fixture.log);
    expect(stored.events.map(({ stream, id }) => [stream, id])).toEqual([
      ["orders/1", "a"],
      ["orders/1", "b"],
    ]);
  });

  it("answers only after the log has made the events durable", async () => {
    const durable = latch();
    const asked = latch();
    await using fixture = await openEventsFixture();
    const { log } = fixture;
    const append: EventLog["append"] = async (request): Promise<AppendResult> => {
      asked.open();
      await durable.promise;
      return log.append(request);
    };
    let answered = false;
    const deps = { ...fixture.events, log: logWith(log, { append }) };
    const publishing = publish(publication({ events: [eventOf()] }), context, deps).then(() => (answered = true));
    await asked.promise;
    expect(answered).toBe(false);
    durable.open();
    await publishing;
  });

  it("takes an empty stream for the default one and makes ids that sort by time", async () => {
    await using fixture = await openEventsFixture();
    const first = await publishing(fixture, { events: [eventOf()] });
    fixture.clock.advance(1);
    const second = await publishing(fixture, { events: [eventOf()] });
    const ids = [...first.events, ...second.events].map(({ id }) => id);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(ids).toEqual([...ids].sort());
    expect((await allEvents(fixture.log)).events.map(({ stream }) => stream)).toEqual(["default", "default"]);
  });

  it("does not believe what only the server can say of an event", async () => {
    await using fixture = await openEventsFixture();
    const lies = {
      sequence: 99,
      streamRevision: 99,
      resumeToken: "x",
      stream: "other",
      publishTime: { seconds: 1, nanos: 0 },
    };
    await publishing(fixture, {
      events: [eventOf({ id: "a", ...lies, previousPayload: Buffer.from("x"), control: {} })],
    });
    const { events } = await allEvents(fixture.log);
    const [message] = events.map((event) => toMessage(event, "token"));
    expect(message).toMatchObject({ sequence: 1, streamRevision: 1, stream: "default", resumeToken: "token" });
    expect(message?.publishTime).toEqual({ seconds: Date.UTC(2026, 0, 1) / 1000, nanos: 0 });
    expect([message?.previousPayload, message?.control]).toEqual([undefined, undefined]);
  });

  it("answers a repeated publication as the first time, also if its expected revision is gone by", async () => {
    await using fixture = await openEventsFixture();
    const request = {
      expectedRevision: 0,
      events: [
        eventOf({
          id: "a",
          attributes: new Map([
            ["x", "1"],
            ["y", "2"],
          ]),
        }),
      ],
    };
    const first = await publishing(fixture, request);
    fixture.clock.advance(60_000);
    const again = {
      ...request,
      events: [
        eventOf({
          id: "a",
          attributes: new Map([
            ["y", "2"],
            ["x", "1"],
          ]),
        }),
      ],
    };
    const second = await publishing(fixture, again);
    expect(second.events).toEqual(first.events.map((event) => ({ ...event, duplicate: true })));
    expect((await allEvents(fixture.log)).events).toHaveLength(1);
  });

  it("refuses a known id with other content, and stores nothing of that publication", async () => {
    await using fixture = await openEventsFixture();
    await publishing(fixture, { events: [eventOf({ id: "a" })] });
    const other = publishing(fixture, {
      events: [eventOf({ id: "b" }), eventOf({ id: "a", payload: Buffer.from("x") })],
    });
    await expect(other).rejects.toMatchObject({ reason: "IDEMPOTENCY_CONFLICT" });
    expect((await allEvents(fixture.log)).events).toHaveLength(1);
  });

  it("appends only to the revision that the publisher expects", async () => {
    await using fixture = await openEventsFixture();
    await publishing(fixture, { expectedRevision: 0, events: [eventOf()] });
    await expect(publishing(fixture, { expectedRevision: 0, events: [eventOf()] })).rejects.toMatchObject({
      reason: "REVISION_MISMATCH",
      metadata: { expected: "0", actual: "1" },
    });
    await publishing(fixture, { expectedRevision: 1, events: [eventOf()] });
  });

  it("names every field that is wrong", async () => {
    await using fixture = await openEventsFixture();
    const wrong = await wrongFields(
      fixture,
      { type: "ok", id: "a" },
      { type: "" },
      { type: "order.*" },
      { type: "a\nb", tombstone: true },
      { type: "ok", id: "a", timestamp: { seconds: 1e15, nanos: 0 }, attributes: new Map([["", "x"]]) },
    );
    expect(wrong).toEqual([
      "INVALID_FIELD",
      "events[1].type",
      "events[2].type",
      "events[3].type",
      "events[3].key",
      "events[4].attributes",
      "events[4].timestamp",
      "events[4].id",
    ]);
    expect(await wrongFields(fixture)).toEqual(["INVALID_FIELD", "events"]);
  });

  it.each([
    ["too many events", { events: Array.from({ length: 1001 }, () => eventOf()) }, "max_publish_events"],
    ["a large event", { events: [eventOf({ payload: new Uint8Array(1024 * 1024) })] }, "max_event_bytes"],
    [
      "a large publication",
      { events: Array.from({ length: 4 }, () => eventOf({ payload: new Uint8Array(800_000) })) },
      "max_publish_bytes",
    ],
    ["a long type", { events: [eventOf({ type: "t".repeat(256) })] }, "max_event_name_bytes"],
    ["a long id, in bytes", { events: [eventOf({ id: "é".repeat(128) })] }, "max_event_name_bytes"],
    ["a long key", { events: [eventOf({ key: "k".repeat(256) })] }, "max_event_name_bytes"],
    ["a long source", { events: [eventOf({ source: "s".repeat(256) })] }, "max_event_name_bytes"],
    ["a long media type", { events: [eventOf({ contentType: "c".repeat(256) })] }, "max_content_type_bytes"],
    ["many attributes", { events: [eventOf({ attributes: attributes(65, 1) })] }, "max_event_attributes"],
    ["large attributes", { events: [eventOf({ attributes: attributes(2, 8192) })] }, "max_event_attribute_bytes"],
    ["a long stream", { stream: "s".repeat(256), events: [eventOf()] }, "max_event_name_bytes"],
  ])("refuses %s", async (_what, request, limit) => {
    await using fixture = await openEventsFixture();
    await expect(publishing(fixture, request)).rejects.toMatchObject({ reason: "LIMIT_EXCEEDED", metadata: { limit } });
    expect((await fixture.log.range()).lastSequence).toBe(0);
  });

  it("takes 1000 events, and names of 255 bytes", async () => {
    await using fixture = await openEventsFixture();
    const long = "x".repeat(255);
    const events = Array.from({ length: 1000 }, (_, index) => eventOf({ id: String(index), type: long, key: long }));
    const published = await publishing(fixture, { stream: long, events });
    expect(published.streamRevision).toBe(1000);
  });

  it.each(["$chat/x", "a*", "a\u0000b", "*"])("refuses the stream name %j", async (stream) => {
    await using fixture = await openEventsFixture();
    await expect(publishing(fixture, { stream, events: [eventOf()] })).rejects.toMatchObject({
      reason: "INVALID_FIELD",
      fieldViolations: [{ field: "stream" }],
    });
  });

  it("refuses a negative expected revision", async () => {
    await using fixture = await openEventsFixture();
    await expect(publishing(fixture, { expectedRevision: -1, events: [eventOf()] })).rejects.toMatchObject({
      reason: "INVALID_FIELD",
    });
  });
});

function attributes(entries: number, valueBytes: number): Map<string, string> {
  return new Map(Array.from({ length: entries }, (_, index) => [String(index), "v".repeat(valueBytes)]));
}
