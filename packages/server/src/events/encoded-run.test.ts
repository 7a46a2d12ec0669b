import { describe, expect, it } from "@jest/globals";
import { decodeMessage, EncodedMessages, Event } from "@millrace/shared-types";

import { SharedMessages } from "../rpc/shared-messages.js";

import { type EncodedRun, encodedRunOf } from "./encoded-run.js";
import { append, caughtUp, type FeedFixture, openFeedFixture, selecting } from "./feed-fixture.test.support.js";
import type { FeedEvent } from "./feed.js";

const WHOLE = { omitPayload: false, includePreviousPayload: false };
const BARE = { omitPayload: true, includePreviousPayload: false };
const WITH_PREVIOUS = { omitPayload: false, includePreviousPayload: true };

async function eventsOf(fixture: FeedFixture, count: number): Promise<FeedEvent[]> {
  using cursor = fixture.feed.open(selecting(), 0);
  for (let n = 0; n < count; n += 1) await append(fixture.log, "s", { key: "k", payload: Buffer.from(String(n)) });
  return await caughtUp(cursor);
}

/** Of each piece its messages, decoded, and the sequence that it ends with. */
async function piecesOf(run: EncodedRun): Promise<{ readonly events: readonly Event[]; readonly sequence: number }[]> {
  const pieces = [];
  for (let piece = run.piece(0), n = 1; piece !== undefined; piece = run.piece(n++)) {
    const { messages, sequence } = { ...piece, messages: await piece.messages };
    pieces.push({ events: messages.toBytes().map((bytes) => decodeMessage(Event, bytes)), sequence });
  }
  return pieces;
}

describe("a run of events as it is sent", () => {
  it("is in pieces of at most 64 events, which say where they end", async () => {
    await using fixture = await openFeedFixture();
    const pieces = await piecesOf(encodedRunOf(await eventsOf(fixture, 150), WHOLE, fixture.log));
    expect(pieces.map(({ events, sequence }) => [events.length, sequence])).toEqual([
      [64, 64],
      [64, 128],
      [22, 150],
    ]);
    expect(pieces.flatMap(({ events }) => events.map(({ payload }) => Buffer.from(payload).toString()))).toEqual(
      Array.from({ length: 150 }, (_, n) => String(n)),
    );
  });

  it("is the same for all who were given the same events and want the same of them", async () => {
    await using fixture = await openFeedFixture();
    const events = await eventsOf(fixture, 3);
    const run = encodedRunOf(events, WHOLE, fixture.log);
    expect(encodedRunOf(events, WHOLE, fixture.log)).toBe(run);
    expect(run.piece(0)?.messages).toBeInstanceOf(SharedMessages);
    expect(run.piece(0)).toBe(run.piece(0));
    expect(encodedRunOf([...events], WHOLE, fixture.log)).not.toBe(run);
    const [bare] = await piecesOf(encodedRunOf(events, BARE, fixture.log));
    expect(bare?.events.map(({ payload }) => payload.byteLength)).toEqual([0, 0, 0]);
  });

  it("has earlier payloads for the one who asks for them", async () => {
    await using fixture = await openFeedFixture();
    const events = await eventsOf(fixture, 9);
    const [whole, run] = [WHOLE, WITH_PREVIOUS].map((view) => encodedRunOf(events, view, fixture.log));
    expect(run).not.toBe(whole);
    expect(encodedRunOf(events, WITH_PREVIOUS, fixture.log)).not.toBe(run);
    const pieces = await piecesOf(run as EncodedRun);
    expect(pieces.map(({ sequence }) => sequence)).toEqual([4, 8, 9]);
    expect(
      pieces.flatMap(({ events: some }) =>
        some.map(({ previousPayload = [] }) => Buffer.from(previousPayload).toString()),
      ),
    ).toEqual(["", "0", "1", "2", "3", "4", "5", "6", "7"]);
    expect(await run?.piece(0)?.messages).toBeInstanceOf(EncodedMessages);
  });
});
