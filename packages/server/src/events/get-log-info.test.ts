import { describe, expect, it } from "@jest/globals";

import { streamCall } from "./events-fixture.test.support.js";
import { append } from "./feed-fixture.test.support.js";
import { getLogInfo } from "./get-log-info.js";
import { fixtureWith } from "./watch-fixture.test.support.js";

const { context } = streamCall();

describe("GetLogInfo", () => {
  it("describes a log that is empty, one that holds events, and one that retention has shortened", async () => {
    await using fixture = await fixtureWith(0);
    const { log, events } = fixture;
    const info = (stream = ""): ReturnType<typeof getLogInfo> => getLogInfo({ stream }, context, events);
    const streamless = { firstStreamRevision: 0, lastStreamRevision: 0 };
    const empty = { epoch: log.epoch, firstSequence: 0, lastSequence: 0, ...streamless };
    expect(await info()).toEqual({ ...empty, resumeToken: events.positions.tokenAfter(0) });
    await append(log, "s", {}, {});
    await append(log, "other", {});
    expect(await info()).toMatchObject({ firstSequence: 1, lastSequence: 3, ...streamless });
    expect(await info("other")).toMatchObject({ firstStreamRevision: 1, lastStreamRevision: 1 });
    expect(await info("none")).toMatchObject(streamless);
    await log.trim({ maxEvents: 1 });
    expect(await info("s")).toMatchObject({ firstSequence: 3, lastSequence: 3, lastStreamRevision: 2 });
    await log.trim({ maxEvents: 0 });
    expect(await info()).toMatchObject({ firstSequence: 0, lastSequence: 3 });
    expect(events.positions.sequenceOf((await info()).resumeToken)).toBe(3);
  });

  it("says nothing about streams of the server", async () => {
    await using fixture = await fixtureWith(0);
    const asked = getLogInfo({ stream: "$chat/general" }, context, fixture.events);
    await expect(asked).rejects.toMatchObject({ reason: "INVALID_FIELD" });
  });
});
