import { describe, expect, it } from "@jest/globals";
import type { ChatJoin, PartialMessage } from "@millrace/shared-types";

import { type ChatFixture, openChatFixture, say } from "./chat-fixture.test.support.js";
import { reasonOf, type TestMember } from "./test-member.test.support.js";

/** Joins "x" on a stream that is in no other room. */
function join(fixture: ChatFixture, value: PartialMessage<ChatJoin>): TestMember {
  const member = fixture.open("ann", { noDefaultRoom: true });
  member.control({ $case: "join", value }, "x");
  return member;
}

/** Positions of the stored messages that a join of "x" brings. */
async function broughtBy(
  fixture: ChatFixture,
  value: PartialMessage<ChatJoin>,
): Promise<{ readonly recovered: boolean; readonly sequences: number[] }> {
  const member = join(fixture, value);
  const { recovered } = await member.untilControl("joined");
  member.halfClose();
  await member.ended;
  return {
    recovered,
    sequences: member.received.flatMap(({ control, sequence }) => (control === undefined ? [sequence] : [])),
  };
}

describe("a join", () => {
  it("brings nothing stored unless it is asked to", async () => {
    await using fixture = await openChatFixture();
    await say(fixture, "x", "1", "2", "3");
    expect(await broughtBy(fixture, {})).toEqual({ recovered: false, sequences: [] });
  });

  it("brings as many of the newest as it is asked to, if there are so many", async () => {
    await using fixture = await openChatFixture();
    await say(fixture, "x", "1", "2", "3");
    expect(await broughtBy(fixture, { historyLimit: 2 })).toEqual({ recovered: false, sequences: [2, 3] });
    expect(await broughtBy(fixture, { historyLimit: 1_000_000 })).toEqual({ recovered: false, sequences: [1, 2, 3] });
  });

  it("brings everything after a position, then what follows, without a hole", async () => {
    await using fixture = await openChatFixture();
    await say(fixture, "x", "1", "2", "3");
    const member = join(fixture, { afterSequence: 1 });
    expect(await member.untilControl("joined")).toMatchObject({ recovered: true, firstSequence: 1, lastSequence: 3 });
    expect(await member.texts(2)).toEqual(["2", "3"]);
    await say(fixture, "x", "4");
    expect(await member.texts(1)).toEqual(["4"]);
    expect(await broughtBy(fixture, { afterSequence: 0 })).toEqual({ recovered: true, sequences: [1, 2, 3, 4] });
    expect(await broughtBy(fixture, { afterSequence: 4 })).toEqual({ recovered: true, sequences: [] });
  });

  it("brings the newest ones, and says that there are others, if those after the position are too many", async () => {
    await using fixture = await openChatFixture();
    await say(fixture, "x", ...Array.from({ length: 1005 }, (_, number) => String(number)));
    expect(await broughtBy(fixture, { afterSequence: 1000, historyLimit: 3 })).toEqual({
      recovered: false,
      sequences: [1003, 1004, 1005],
    });
    const all = await broughtBy(fixture, { afterSequence: 0 });
    expect([all.recovered, all.sequences.length, all.sequences[0]]).toEqual([false, 1000, 6]);
    expect(await broughtBy(fixture, { afterSequence: 5 })).toMatchObject({ recovered: true });
  });

  it("says so if messages after the position are no longer kept", async () => {
    await using fixture = await openChatFixture();
    await say(fixture, "x", "1", "2", "3", "4");
    using use = await fixture.chat.rooms.use("x");
    await fixture.log.truncate(use.room.stream, 3);
    expect(await broughtBy(fixture, { afterSequence: 1 })).toEqual({ recovered: false, sequences: [3, 4] });
    expect(await broughtBy(fixture, { afterSequence: 2 })).toEqual({ recovered: true, sequences: [3, 4] });
  });

  it("takes a position for what it is: of another epoch or from the future it means nothing", async () => {
    await using fixture = await openChatFixture();
    await say(fixture, "x", "1", "2");
    const member = join(fixture, {});
    const { epoch } = await member.untilControl("joined");
    expect(await broughtBy(fixture, { afterSequence: 1, epoch })).toEqual({ recovered: true, sequences: [2] });
    expect(await broughtBy(fixture, { afterSequence: 1, epoch: "other" })).toEqual({
      recovered: false,
      sequences: [1, 2],
    });
    expect(await broughtBy(fixture, { afterSequence: 3 })).toEqual({ recovered: false, sequences: [1, 2] });
  });

  it("of a room in which the stream is already begins anew at the place that is asked for", async () => {
    await using fixture = await openChatFixture();
    await say(fixture, "x", "1", "2");
    const member = join(fixture, { historyLimit: 1 });
    expect(await member.texts(1)).toEqual(["2"]);
    member.control({ $case: "join", value: { afterSequence: 0 } }, "x");
    expect(await member.texts(2)).toEqual(["1", "2"]);
    await say(fixture, "x", "3");
    expect(await member.texts(1)).toEqual(["3"]);
    expect(member.received.filter(({ content }) => content === "3")).toHaveLength(1);
  });

  it("refuses positions that can never be", async () => {
    await using fixture = await openChatFixture();
    for (const value of [{ afterSequence: -1 }, { historyLimit: -1 }]) {
      expect(reasonOf(await join(fixture, value).untilControl("error"))).toBe("INVALID_FIELD");
    }
  });

  it("of an empty room brings what comes first", async () => {
    await using fixture = await openChatFixture();
    const member = join(fixture, { afterSequence: 0 });
    expect(await member.untilControl("joined")).toMatchObject({ recovered: true, firstSequence: 1, lastSequence: 0 });
    await say(fixture, "x", "1");
    expect(await member.texts(1)).toEqual(["1"]);
  });
});
