import { describe, expect, it } from "@jest/globals";

import { eventOf, openEventsFixture, publication } from "./events-fixture.test.support.js";
import { resolveEventsLimits } from "./events-limits.js";
import { callOf } from "../files/files-fixture.test.support.js";
import { publish } from "./publish.js";

describe("the events domain", () => {
  it("shows readers what is published, under positions of its log", async () => {
    await using fixture = await openEventsFixture();
    const { resumeToken } = await publish(publication({ events: [eventOf()] }), callOf().context, fixture.events);
    const { feed, positions } = fixture.events;
    using cursor = feed.open({ types: [], streams: [] }, 0);
    const { events } = await cursor.next({ maxEvents: 10, maxBytes: 1000 });
    expect(events.map((event) => event.resumeToken)).toEqual([resumeToken]);
    expect(positions.sequenceOf(resumeToken)).toBe(feed.lastSequence);
  });

  it("leaves no timer behind", async () => {
    const fixture = await openEventsFixture({ limits: { maxEvents: 10, maxAgeMs: 1000 } });
    await fixture[Symbol.asyncDispose]();
    expect(fixture.clock.timers).toBe(0);
  });

  it("keeps everything unless it is told otherwise", () => {
    expect(resolveEventsLimits("limits")).toMatchObject({
      maxAgeMs: Infinity,
      maxEvents: Infinity,
      maxBytes: Infinity,
    });
    expect(resolveEventsLimits("limits", { maxBytes: 5 })).toMatchObject({ maxAgeMs: Infinity, maxBytes: 5 });
  });

  it.each([
    [{ maxEventBytes: 4 * 1024 * 1024 }, "maxEventBytes"],
    [{ maxAgeMs: 0 }, "maxAgeMs"],
    [{ maxEvents: -1 }, "maxEvents"],
    [{ maxBytes: 1.5 }, "maxBytes"],
    [{ tailBytes: 1 }, "tailBytes"],
    [{ maxLingerMs: -1 }, "maxLingerMs"],
  ])("refuses the limits %j", (given, message) => {
    expect(() => resolveEventsLimits("eventLimits", given)).toThrow(message);
  });

  it("refuses limits that do not exist", () => {
    const misspelt = { maxEventByte: 1 } as object;
    expect(() => resolveEventsLimits("eventLimits", misspelt)).toThrow('did you mean "maxEventBytes"?');
  });
});
