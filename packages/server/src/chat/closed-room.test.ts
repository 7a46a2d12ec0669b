import { describe, expect, it } from "@jest/globals";
import { ListMessagesRequest } from "@millrace/shared-types";

import { MemoryEventLog } from "../adapters/memory/memory-event-log.js";
import { openEventFeed } from "../events/event-feed.js";
import { logWith } from "../events/events-fixture.test.support.js";
import { positionsOf } from "../events/feed-fixture.test.support.js";

import { openChatFixture, sendAs } from "./chat-fixture.test.support.js";
import { contextOf } from "./test-call.test.support.js";
import { reasonOf } from "./test-member.test.support.js";
import { deleteRoom } from "./delete-room.js";
import { getPresence } from "./get-presence.js";
import { listMessages } from "./list-messages.js";
import { change, create, DENIED, describeAs, NOT_FOUND } from "./room-calls.test.support.js";
import { openRoom } from "./room-record.js";

describe("a closed room", () => {
  it("does not exist for those who may not join it, but on a chat stream", async () => {
    await using fixture = await openChatFixture();
    await create(fixture, "ann", { roomId: "x", memberIds: ["ben"] });
    for (const user of ["eve", ""]) {
      const context = contextOf(user);
      await expect(describeAs(fixture, user, "x")).rejects.toMatchObject(NOT_FOUND);
      await expect(getPresence({ roomId: "x" }, context, fixture.chat)).rejects.toMatchObject(NOT_FOUND);
      await expect(
        listMessages(ListMessagesRequest.fromPartial({ roomId: "x" }), context, fixture.chat),
      ).rejects.toMatchObject(NOT_FOUND);
      await expect(deleteRoom({ roomId: "x" }, context, fixture.chat)).rejects.toMatchObject(NOT_FOUND);
      await expect(change(fixture, user, { roomId: "x", add: ["eve"] })).rejects.toMatchObject(NOT_FOUND);
      await expect(sendAs(fixture, user, { roomId: "x", content: "let me in" })).rejects.toMatchObject(DENIED);
    }
    await expect(change(fixture, "ben", { roomId: "x", add: ["eve"] })).rejects.toMatchObject(DENIED);
    await expect(deleteRoom({ roomId: "x" }, contextOf("ben"), fixture.chat)).rejects.toMatchObject(DENIED);
  });

  it("refuses a seed-style client with the end of its stream, and another one with an error", async () => {
    await using fixture = await openChatFixture();
    await create(fixture, "ann", { roomId: "x" });
    const [seed, aware, owner] = [fixture.connect("eve"), fixture.open("eve"), fixture.open("ann")];
    seed.say("let me in", { roomId: "x" });
    await expect(seed.ended).rejects.toMatchObject({ ...DENIED, metadata: { permission: "room.member" } });
    aware.control({ $case: "join", value: {} }, "x");
    aware.say("let me in", { roomId: "x", clientMessageId: "c" });
    expect(reasonOf(await aware.untilControl("error"))).toBe("PERMISSION_DENIED");
    expect(await aware.untilControl("error")).toMatchObject({ clientMessageId: "c" });
    owner.say("welcome", { roomId: "x" });
    expect(await owner.texts(1)).toEqual(["welcome"]);
    for (const member of [aware, owner]) member.halfClose();
    await Promise.all([aware.ended, owner.ended]);
    expect(aware.received.filter(({ content }) => content !== "")).toEqual([]);
    fixture.clock.advance(5000);
    expect(fixture.chat.rooms.inUse).toBe(0);
  });

  it("is not joined by one who is removed while joining", async () => {
    const memory = new MemoryEventLog();
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const { promise: reading, resolve: onRead } = Promise.withResolvers<void>();
    const eventLog = logWith(memory, {
      read: async (options) => {
        if (options.streams?.some((stream) => stream.startsWith("$chat/x/")) === true) {
          onRead();
          await released;
        }
        return memory.read(options);
      },
    });
    await using fixture = await openChatFixture({ eventLog });
    await fixture.chat.rooms.make({ ...openRoom("x", "ann", 0), open: false, memberIds: ["ben"] });
    const ben = fixture.open("ben", { noDefaultRoom: true });
    ben.control({ $case: "join", value: {} }, "x");
    await reading;
    await fixture.chat.rooms.change("x", (record) => ({ ...record, memberIds: [] }));
    release();
    expect(reasonOf(await ben.untilControl("error"))).toBe("PERMISSION_DENIED");
    await sendAs(fixture, "ann", { roomId: "x", content: "secret" });
    ben.halfClose();
    await ben.ended;
    expect(ben.received).toHaveLength(1);
  });

  it("is left by the streams of those who are no longer members, at once", async () => {
    await using fixture = await openChatFixture();
    await create(fixture, "ann", { roomId: "x", memberIds: ["ben", "cem"] });
    const [ben, seed, cem] = [fixture.open("ben"), fixture.connect("ben"), fixture.open("cem")];
    for (const member of [ben, cem]) member.control({ $case: "join", value: {} }, "x");
    await Promise.all([ben.untilRead(), cem.untilRead()]);
    seed.say("hello", { roomId: "x" });
    await Promise.all([ben.texts(1), cem.texts(1), seed.texts(1)]);
    const room = await change(fixture, "ann", { roomId: "x", add: ["dan", "ben"], remove: ["ben"] });
    expect(room?.memberIds).toEqual(["cem", "dan"]);
    await sendAs(fixture, "cem", { roomId: "x", content: "he is gone" });
    expect(await cem.texts(1)).toEqual(["he is gone"]);
    const error = await ben.until(({ control }) => control?.kind?.$case === "error");
    expect(error).toMatchObject({ roomId: "x", control: { kind: { value: { status: { code: 7 } } } } });
    seed.say("still here?", { roomId: "x" });
    await expect(seed.ended).rejects.toMatchObject(DENIED);
    ben.halfClose();
    await ben.ended;
    for (const { received } of [ben, seed])
      expect(received.some(({ content }) => content === "he is gone")).toBe(false);
  });

  it("sends nothing any more to one who is removed, not even what was being read for him", async () => {
    const memory = new MemoryEventLog();
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const { promise: reading, resolve: onRead } = Promise.withResolvers<void>();
    const eventLog = logWith(memory, {
      read: async (options) => {
        const result = await memory.read(options);
        if (result.events.length > 1) onRead();
        if (result.events.length > 1) await released;
        return result;
      },
    });
    const feed = await openEventFeed({ log: eventLog, positions: positionsOf(memory), tailBytes: 1 });
    await using fixture = await openChatFixture({ eventLog, feed });
    await create(fixture, "ann", { roomId: "x", memberIds: ["ben"] });
    for (const content of ["one", "two", "three"]) await sendAs(fixture, "ann", { roomId: "x", content });
    const ben = fixture.open("ben", { noDefaultRoom: true });
    ben.control({ $case: "join", value: { afterSequence: 0 } }, "x");
    await reading;
    await change(fixture, "ann", { roomId: "x", remove: ["ben"] });
    release();
    ben.halfClose();
    await ben.ended;
    expect(ben.received.map(({ content, control }) => control?.kind?.$case ?? content)).toEqual(["joined", "error"]);
  });

  it("keeps its list of members to itself if it is open", async () => {
    await using fixture = await openChatFixture();
    await create(fixture, "ann", { roomId: "x", open: true });
    await expect(change(fixture, "ann", { roomId: "x", add: ["ben"] })).rejects.toMatchObject({
      reason: "INVALID_FIELD",
    });
  });
});
