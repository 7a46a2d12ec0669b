import { setImmediate as turn } from "node:timers/promises";

import { describe, expect, it } from "@jest/globals";

import { MemoryEventLog } from "../adapters/memory/memory-event-log.js";
import { logWith } from "../events/events-fixture.test.support.js";

import { openChatFixture, say, sendAs } from "./chat-fixture.test.support.js";
import { contextOf } from "./test-call.test.support.js";
import { deleteRoom } from "./delete-room.js";
import { contentsOf, describeAs, NOT_FOUND } from "./room-calls.test.support.js";
import { streamOf } from "./room-record.js";
import { sweep } from "./upkeep.js";

describe("the deletion of a room", () => {
  it("takes its messages away; a room of the same id begins anew, in another epoch", async () => {
    await using fixture = await openChatFixture();
    await say(fixture, "x", "one", "two");
    const before = await describeAs(fixture, "somebody", "x");
    const member = fixture.open("ann");
    member.control({ $case: "join", value: {} }, "x");
    await member.until(({ roomId }) => roomId === "x");
    await deleteRoom({ roomId: "x" }, contextOf("somebody"), fixture.chat);
    expect(
      await member.until(({ roomId, control }) => roomId === "x" && control?.kind?.$case === "error"),
    ).toBeDefined();
    await expect(describeAs(fixture, "somebody", "x")).rejects.toMatchObject(NOT_FOUND);
    member.control({ $case: "join", value: { afterSequence: 1, epoch: before?.epoch ?? "" } }, "x");
    expect(await member.untilControl("joined")).toMatchObject({ recovered: false, lastSequence: 0 });
    member.say("three", { roomId: "x" });
    await member.texts(1);
    expect(await contentsOf(fixture, "x")).toEqual(["three"]);
    expect(await describeAs(fixture, "ann", "x")).toMatchObject({ ownerId: "ann", lastSequence: 1 });
  });

  it("leaves nothing of it in the stores", async () => {
    await using fixture = await openChatFixture();
    const [text] = await say(fixture, "x", "one", "two");
    await sendAs(fixture, "somebody", {
      roomId: "x",
      kind: 2,
      targetMessageId: text?.messageId ?? "",
      content: "edited",
    });
    const reader = fixture.open("reader");
    reader.control({ $case: "join", value: {} }, "x");
    reader.control({ $case: "receipt", value: { sequence: 1 } }, "x");
    await reader.untilRead();
    await deleteRoom({ roomId: "x" }, contextOf("somebody"), fixture.chat);
    const { events } = await fixture.log.read({ after: 0, streams: ["$chat/*"], maxEvents: 1000, maxBytes: 1e9 });
    expect(events.map(({ type, payload }) => [type, payload.length])).toEqual([["chat.removed", 0]]);
    for (const collection of ["chatchanges", "chatpending", "chatreads", "roomremovals", "keptrooms"]) {
      expect(await fixture.records.scan(collection, { limit: 1 })).toEqual([]);
    }
    expect((await fixture.records.scan("rooms", { limit: 10 })).map(({ key }) => key)).toEqual(["general"]);
  });

  it("is completed after a crash", async () => {
    await using fixture = await openChatFixture();
    await say(fixture, "x", "one");
    using use = await fixture.chat.rooms.use("x");
    const stream = streamOf(use.room.record);
    await fixture.chat.rooms.remove("x", () => {}); // and then the process dies
    await using later = await fixture.reopen();
    await sweep(later.chat);
    const { events } = await later.log.read({ after: 0, streams: [stream], maxEvents: 10, maxBytes: 1e9 });
    expect(events.map(({ type }) => type)).toEqual(["chat.removed"]);
  });

  it("waits for what is being stored, and lets nothing more in", async () => {
    const memory = new MemoryEventLog();
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const { promise: appending, resolve: onAppend } = Promise.withResolvers<void>();
    const eventLog = logWith(memory, {
      append: async (append) => {
        const isText = append.events[0]?.type === "chat.text";
        if (isText) onAppend();
        if (isText) await released;
        return memory.append(append);
      },
    });
    await using fixture = await openChatFixture({ eventLog });
    const sent = sendAs(fixture, "somebody", { roomId: "x", content: "in time" });
    await appending;
    using use = await fixture.chat.rooms.use("x");
    const deleted = deleteRoom({ roomId: "x" }, contextOf("somebody"), fixture.chat);
    while (fixture.chat.rooms.inUse > 0) await turn();
    await expect(use.room.storing(() => Promise.resolve())).rejects.toMatchObject(NOT_FOUND);
    release();
    await Promise.all([sent.catch(() => {}), deleted]);
    const { events } = await memory.read({ after: 0, streams: ["$chat/x/*"], maxEvents: 10, maxBytes: 1e9 });
    expect(events.map(({ type }) => type)).toEqual(["chat.removed"]);
  });
});
