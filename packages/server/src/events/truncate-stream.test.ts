import { describe, expect, it } from "@jest/globals";

import { callOf } from "../files/files-fixture.test.support.js";

import { allEvents, eventOf, openEventsFixture, publication } from "./events-fixture.test.support.js";
import { publish } from "./publish.js";
import { truncateStream } from "./truncate-stream.js";

const { context } = callOf();

describe("TruncateStream", () => {
  it("drops what is below the revision, but never the newest event", async () => {
    await using fixture = await openEventsFixture();
    const events = ["a", "b", "c"].map((id) => eventOf({ id }));
    for (const event of events) await publish(publication({ stream: "s", events: [event] }), context, fixture.events);
    const truncate = (beforeRevision: number): Promise<unknown> =>
      truncateStream({ stream: "s", beforeRevision }, context, fixture.events);
    expect(await truncate(2)).toEqual({ firstStreamRevision: 2 });
    expect((await allEvents(fixture.log)).events.map(({ id }) => id)).toEqual(["b", "c"]);
    expect(await truncate(100)).toEqual({ firstStreamRevision: 3 });
    expect((await allEvents(fixture.log)).events.map(({ id }) => id)).toEqual(["c"]);
  });

  it("answers 0 for a stream without events", async () => {
    await using fixture = await openEventsFixture();
    const answer = await truncateStream({ stream: "none", beforeRevision: 1 }, context, fixture.events);
    expect(answer).toEqual({ firstStreamRevision: 0 });
  });

  it.each([
    { stream: "$chat/x", beforeRevision: 1 },
    { stream: "s", beforeRevision: -1 },
  ])("refuses %j", async (request) => {
    await using fixture = await openEventsFixture();
    await expect(truncateStream(request, context, fixture.events)).rejects.toMatchObject({ reason: "INVALID_FIELD" });
  });
});
