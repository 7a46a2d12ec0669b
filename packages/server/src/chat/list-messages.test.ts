import { describe, expect, it } from "@jest/globals";
import { type ListMessagesResponse, ListMessagesRequest, type PartialMessage } from "@millrace/shared-types";

import { type ChatFixture, openChatFixture, say, sendAs } from "./chat-fixture.test.support.js";
import { contextOf } from "./test-call.test.support.js";
import { listMessages } from "./list-messages.js";

function list({ chat }: ChatFixture, request: PartialMessage<ListMessagesRequest>): Promise<ListMessagesResponse> {
  return listMessages(ListMessagesRequest.fromPartial({ roomId: "x", ...request }), contextOf("ann"), chat);
}

/** Positions and whether there are more. */
async function page(
  fixture: ChatFixture,
  request: PartialMessage<ListMessagesRequest>,
): Promise<{ readonly at: number[]; readonly more: boolean }> {
  const { messages, hasMore } = await list(fixture, request);
  return { at: messages.map(({ sequence }) => sequence), more: hasMore };
}

const TEN = Array.from({ length: 10 }, (_, number) => String(number + 1));

describe("the list of a room's messages", () => {
  it("goes forwards and backwards, between any two positions", async () => {
    await using fixture = await openChatFixture();
    await say(fixture, "x", ...TEN);
    expect(await list(fixture, {})).toMatchObject({ firstSequence: 1, lastSequence: 10, hasMore: false });
    expect(await page(fixture, { pageSize: 3 })).toEqual({ at: [1, 2, 3], more: true });
    expect(await page(fixture, { pageSize: 3, afterSequence: 7 })).toEqual({ at: [8, 9, 10], more: false });
    expect(await page(fixture, { pageSize: 3, afterSequence: 2, beforeSequence: 5 })).toEqual({
      at: [3, 4],
      more: false,
    });
    expect(await page(fixture, { pageSize: 3, backwards: true })).toEqual({ at: [10, 9, 8], more: true });
    expect(await page(fixture, { pageSize: 3, backwards: true, beforeSequence: 4 })).toEqual({
      at: [3, 2, 1],
      more: false,
    });
    expect(await page(fixture, { pageSize: 2, backwards: true, afterSequence: 2, beforeSequence: 6 })).toEqual({
      at: [5, 4],
      more: true,
    });
    expect(await page(fixture, { afterSequence: 10 })).toEqual({ at: [], more: false });
    expect(await page(fixture, { afterSequence: 99, beforeSequence: 3 })).toEqual({ at: [], more: false });
  });

  it("begins where the messages begin that are still there", async () => {
    await using fixture = await openChatFixture();
    await say(fixture, "x", ...TEN);
    using use = await fixture.chat.rooms.use("x");
    await fixture.log.truncate(use.room.stream, 8);
    expect(await page(fixture, { afterSequence: 2 })).toEqual({ at: [8, 9, 10], more: false });
    expect(await page(fixture, { backwards: true, beforeSequence: 10 })).toEqual({ at: [9, 8], more: false });
    expect(await list(fixture, {})).toMatchObject({ firstSequence: 8, lastSequence: 10 });
  });

  it("holds no more than a message can, and says that there are more", async () => {
    await using fixture = await openChatFixture();
    const content = "x".repeat(16 * 1024);
    await say(fixture, "x", ...Array.from({ length: 100 }, () => content));
    const seen: number[] = [];
    for (let more = true; more;) {
      const next = await page(fixture, { pageSize: 1000, afterSequence: seen.at(-1) ?? 0 });
      expect(next.at.length).toBeLessThan(65);
      seen.push(...next.at);
      more = next.more;
    }
    expect(seen).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
  });

  it("is that of the default room if none is named, and refuses what cannot be", async () => {
    await using fixture = await openChatFixture();
    await sendAs(fixture, "ann", { content: "hello" });
    expect((await list(fixture, { roomId: "" })).messages).toMatchObject([{ content: "hello", roomId: "general" }]);
    for (const request of [{ afterSequence: -1 }, { beforeSequence: -1 }, { pageSize: -1 }]) {
      await expect(list(fixture, request)).rejects.toMatchObject({ reason: "INVALID_FIELD" });
    }
    await expect(list(fixture, { roomId: "nowhere" })).rejects.toMatchObject({ reason: "RESOURCE_NOT_FOUND" });
  });
});
