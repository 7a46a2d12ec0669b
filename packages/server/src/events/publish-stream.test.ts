import { describe, expect, it } from "@jest/globals";
import {
  decodeStatusDetails,
  encodeMessage,
  PublishStreamRequest,
  type PublishStreamResponse,
  Status,
} from "@millrace/shared-types";

import type { EventLog } from "../ports/event-log.js";
import { type Latch, latch } from "../testing/latch.js";

import {
  allEvents,
  eventOf,
  logWith,
  openEventsFixture,
  publication,
  streamCall,
} from "./events-fixture.test.support.js";
import { publishStream } from "./publish-stream.js";

function request(requestId: number, id = String(requestId), payloadBytes = 0): PublishStreamRequest {
  const events = [eventOf({ id, payload: new Uint8Array(payloadBytes) })];
  return PublishStreamRequest.fromPartial({ requestId, publish: publication({ events }) });
}

/** A log whose appends reach it at once, and are durable when the test says so. */
function heldLog(log: EventLog): { readonly log: EventLog; readonly appends: Latch[]; readonly asked: () => number } {
  const appends: Latch[] = [];
  let asked = 0;
  const append: EventLog["append"] = async (wanted) => {
    const durable = (appends[asked++] ??= latch());
    const result = await log.append(wanted);
    await durable.promise;
    return result;
  };
  return { log: logWith(log, { append }), appends, asked: () => asked };
}

/** A client whose requests the test sends one by one. */
function client(): {
  readonly requests: AsyncIterable<PublishStreamRequest>;
  send(next: PublishStreamRequest): void;
  end(): void;
} {
  const sent: PublishStreamRequest[] = [];
  let ended = false;
  let wake = (): void => {};
  return {
    send: (next) => {
      sent.push(next);
      wake();
    },
    end: () => {
      ended = true;
      wake();
    },
    requests: (async function* () {
      for (;;) {
        const next = sent.shift();
        if (next !== undefined) yield next;
        else if (ended) return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    })(),
  };
}

async function* all(...requests: readonly PublishStreamRequest[]): AsyncGenerator<PublishStreamRequest> {
  yield* requests;
}

async function answersOf(stream: AsyncIterable<PublishStreamResponse>): Promise<PublishStreamResponse[]> {
  const answers: PublishStreamResponse[] = [];
  for await (const answer of stream) answers.push(answer);
  return answers;
}

function kinds(answers: readonly PublishStreamResponse[]): unknown[] {
  return answers.map(({ requestId, result }) => [requestId, result?.$case]);
}

/** Lets everything that waits for nothing happen. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe("PublishStream", () => {
  it("acknowledges every append in order and ends after the half-close", async () => {
    await using fixture = await openEventsFixture();
    const answers = await answersOf(
      publishStream(all(request(7), request(8), request(9)), streamCall().context, fixture.events),
    );
    expect(answers.map(({ requestId, result }) => [requestId, result])).toMatchObject([
      [7, { value: { events: [{ id: "7", sequence: 1 }] } }],
      [8, { value: { events: [{ id: "8", sequence: 2 }] } }],
      [9, { value: { events: [{ id: "9", sequence: 3 }] } }],
    ]);
  });

  it("does not wait for one append before it begins the next", async () => {
    await using fixture = await openEventsFixture();
    const held = heldLog(fixture.log);
    const answers = answersOf(
      publishStream(all(request(1), request(2), request(3)), streamCall().context, {
        ...fixture.events,
        log: held.log,
      }),
    );
    await settle();
    expect(held.asked()).toBe(3);
    held.appends[2]?.open();
    held.appends[1]?.open();
    held.appends[0]?.open();
    expect(kinds(await answers)).toEqual([1, 2, 3].map((id) => [id, "published"]));
  });

  it("keeps the order of arrival in the stream", async () => {
    await using fixture = await openEventsFixture();
    const requests = Array.from({ length: 500 }, (_, index) => request(index));
    await answersOf(publishStream(all(...requests), streamCall().context, fixture.events));
    const stored = await allEvents(fixture.log);
    expect(stored.events.map(({ id }) => Number(id))).toEqual(requests.map((_, index) => index));
  });

  it("answers a failed append with what trailers would say, and goes on", async () => {
    await using fixture = await openEventsFixture();
    const conflicting = PublishStreamRequest.fromPartial({
      requestId: 2,
      publish: publication({ expectedRevision: 5, events: [eventOf()] }),
    });
    const empty = PublishStreamRequest.fromPartial({ requestId: 3 });
    const answers = await answersOf(
      publishStream(all(request(1), conflicting, empty, request(4)), streamCall().context, fixture.events),
    );
    expect(kinds(answers)).toEqual([
      [1, "published"],
      [2, "error"],
      [3, "error"],
      [4, "published"],
    ]);
    const failures = answers.flatMap(({ result }) => (result?.$case === "error" ? [result.value] : []));
    expect(failures.map(({ code }) => code)).toEqual([10, 3]);
    const [conflict, missing] = failures.map((status) => decodeStatusDetails(encodeMessage(Status, status)));
    expect(conflict).toMatchObject({
      reason: "REVISION_MISMATCH",
      domain: "streaming.v1",
      metadata: { expected: "5", actual: "1" },
    });
    expect(missing).toMatchObject({ reason: "INVALID_FIELD", badRequest: [{ field: "publish" }] });
  });

  it("tells of a failure that nobody foresaw without its text", async () => {
    await using fixture = await openEventsFixture();
    const append = (): Promise<never> => Promise.reject(new Error("disk /dev/sda is on fire"));
    const log = logWith(fixture.log, { append });
    const [answer] = await answersOf(publishStream(all(request(1)), streamCall().context, { ...fixture.events, log }));
    expect(answer?.result).toMatchObject({ $case: "error", value: { code: 13, message: "internal error" } });
  });

  it("reads ahead no further than 256 appends", async () => {
    await using fixture = await openEventsFixture();
    const held = heldLog(fixture.log);
    const requests = Array.from({ length: 300 }, (_, index) => request(index));
    const answers = answersOf(
      publishStream(all(...requests), streamCall().context, { ...fixture.events, log: held.log }),
    );
    await settle();
    expect(held.asked()).toBe(256);
    for (const append of held.appends) append.open();
    for (let index = 256; index < 300; index++) (held.appends[index] = latch()).open();
    expect(await answers).toHaveLength(300);
  });

  it("reads ahead no further than 4 MiB", async () => {
    await using fixture = await openEventsFixture();
    const held = heldLog(fixture.log);
    const requests = Array.from({ length: 10 }, (_, index) => request(index, String(index), 1_000_000));
    const stream = publishStream(all(...requests), streamCall().context, { ...fixture.events, log: held.log });
    const first = stream.next();
    await settle();
    expect(held.asked()).toBe(5);
    for (const append of held.appends) append.open();
    await first;
    await stream.return();
  });

  it("answers what it took when the server drains, takes no more, and says so", async () => {
    await using fixture = await openEventsFixture();
    const held = heldLog(fixture.log);
    const call = streamCall();
    const { requests, send } = client();
    const answers: PublishStreamResponse[] = [];
    const ended = (async () => {
      for await (const answer of publishStream(requests, call.context, { ...fixture.events, log: held.log }))
        answers.push(answer);
    })();
    send(request(1));
    send(request(2));
    await settle();
    call.drain();
    send(request(3));
    await settle();
    for (const append of held.appends) append.open();
    await expect(ended).rejects.toMatchObject({ reason: "DRAINING" });
    expect(kinds(answers)).toEqual([
      [1, "published"],
      [2, "published"],
    ]);
    expect((await allEvents(fixture.log)).events.map(({ id }) => id)).toEqual(["1", "2"]);
  });

  it("ends well if all was taken before the server drains", async () => {
    await using fixture = await openEventsFixture();
    const held = heldLog(fixture.log);
    const call = streamCall();
    const answers = answersOf(publishStream(all(request(1)), call.context, { ...fixture.events, log: held.log }));
    await settle();
    call.drain();
    held.appends[0]?.open();
    expect(kinds(await answers)).toEqual([[1, "published"]]);
  });

  it("ends with what the requests end with, after it has answered", async () => {
    await using fixture = await openEventsFixture();
    const answers: PublishStreamResponse[] = [];
    const cut = (async function* () {
      yield request(1);
      throw new Error("cut off");
    })();
    const ended = (async () => {
      for await (const answer of publishStream(cut, streamCall().context, fixture.events)) answers.push(answer);
    })();
    await expect(ended).rejects.toThrow("cut off");
    expect(kinds(answers)).toEqual([[1, "published"]]);
  });
});
