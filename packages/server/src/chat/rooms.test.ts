import { describe, expect, it } from "@jest/globals";

import { openChatFixture, say, sendAs } from "./chat-fixture.test.support.js";
import { contextOf } from "./test-call.test.support.js";
import { deleteRoom } from "./delete-room.js";
import { getPresence } from "./get-presence.js";
import { listRooms } from "./list-rooms.js";
import { change, contentsOf, create, DENIED, describeAs, listAs, NOT_FOUND } from "./room-calls.test.support.js";
import { sweep } from "./upkeep.js";

describe("a room", () => {
  it("is there from the start if it is the default one, which nobody can change", async () => {
    await using fixture = await openChatFixture();
    expect(await describeAs(fixture, "ann", "")).toMatchObject({
      roomId: "general",
      open: true,
      ownerId: "",
      lastSequence: 0,
    });
    for (const user of ["ann", ""]) {
      await expect(deleteRoom({ roomId: "general" }, contextOf(user), fixture.chat)).rejects.toMatchObject(DENIED);
      await expect(change(fixture, user, { roomId: "general", add: ["x"] })).rejects.toMatchObject(DENIED);
    }
  });

  it("is made when it is first used, open, and belongs to whom used it", async () => {
    await using fixture = await openChatFixture();
    await expect(describeAs(fixture, "ann", "x")).rejects.toMatchObject(NOT_FOUND);
    await sendAs(fixture, "ann", { roomId: "x", content: "hello" });
    const open = { open: true, ownerId: "ann", memberIds: [], retention: undefined };
    expect(await describeAs(fixture, "ben", "x")).toMatchObject({ ...open, firstSequence: 1, lastSequence: 1 });
    await expect(create(fixture, "ben", { roomId: "x" })).rejects.toMatchObject({ reason: "RESOURCE_EXISTS" });
    await expect(deleteRoom({ roomId: "x" }, contextOf("ben"), fixture.chat)).rejects.toMatchObject(DENIED);
  });

  it("is made as it is described", async () => {
    await using fixture = await openChatFixture();
    const description = {
      roomId: "a.b:c-d_e",
      displayName: "The Room",
      open: false,
      memberIds: ["ben"],
      retention: { seconds: 60, nanos: 0 },
    };
    const room = await create(fixture, "ann", {
      ...description,
      memberIds: ["ben", "ben"],
      ownerId: "ben",
      lastSequence: 7,
    });
    const createTime = { seconds: Date.UTC(2026, 0, 1) / 1000, nanos: 0 };
    expect(room).toMatchObject({ ...description, ownerId: "ann", createTime, lastSequence: 0 });
    expect(await describeAs(fixture, "ben", description.roomId)).toEqual(room);
    await using later = await fixture.reopen();
    expect(await describeAs(later, "ann", description.roomId)).toEqual(room);
  });

  it.each([
    ["without a name", { roomId: "" }],
    ["with an impossible name", { roomId: "a/b" }],
    ["with a name that is too long", { roomId: "x".repeat(129) }],
    ["that is open and has members", { roomId: "x", open: true, memberIds: ["ann"] }],
    ["with a nobody for a member", { roomId: "x", memberIds: [""] }],
    ["that keeps nothing", { roomId: "x", retention: { seconds: 0, nanos: 1 } }],
    ["that forgets before it knows", { roomId: "x", retention: { seconds: -60, nanos: 0 } }],
  ])("cannot be made %s", async (_what, room) => {
    await using fixture = await openChatFixture();
    await expect(create(fixture, "ann", room)).rejects.toMatchObject({ reason: "INVALID_FIELD" });
    expect(await listAs(fixture, "ann")).toEqual(["general"]);
  });

  it("has a thousand members at most", async () => {
    await using fixture = await openChatFixture();
    const memberIds = Array.from({ length: 1000 }, (_, number) => `user-${String(number)}`);
    await create(fixture, "ann", { roomId: "x", memberIds });
    await expect(change(fixture, "ann", { roomId: "x", add: ["one more"] })).rejects.toMatchObject({
      reason: "LIMIT_EXCEEDED",
    });
    await change(fixture, "ann", { roomId: "x", add: ["one more"], remove: ["user-0"] });
  });

  it("is listed to those who may join it, page by page", async () => {
    await using fixture = await openChatFixture();
    for (const roomId of ["a", "b", "c", "d", "e"])
      await create(fixture, "ann", { roomId, open: roomId < "c", memberIds: roomId === "d" ? ["ben"] : [] });
    for (const pageSize of [0, 1, 2, 3]) {
      expect(await listAs(fixture, "ann", pageSize)).toEqual(["a", "b", "c", "d", "e", "general"]);
      expect(await listAs(fixture, "ben", pageSize)).toEqual(["a", "b", "d", "general"]);
      expect(await listAs(fixture, "eve", pageSize)).toEqual(["a", "b", "general"]);
    }
    const { nextPageToken } = await listRooms({ pageSize: 1, pageToken: "" }, contextOf("ann"), fixture.chat);
    await expect(
      listRooms({ pageSize: 1, pageToken: nextPageToken }, contextOf("ben"), fixture.chat),
    ).rejects.toMatchObject({ reason: "INVALID_CURSOR" });
  });
});

describe("the messages of a room", () => {
  it("go when they are older than it keeps them: at once for readers, then from the log", async () => {
    await using fixture = await openChatFixture();
    await create(fixture, "ann", { roomId: "x", open: true, retention: { seconds: 100, nanos: 0 } });
    const [old] = await say(fixture, "x", "old");
    await sendAs(fixture, "somebody", {
      roomId: "x",
      kind: 2,
      targetMessageId: old?.messageId ?? "",
      content: "edited",
    });
    fixture.clock.advance(60_000);
    await say(fixture, "x", "young");
    fixture.clock.advance(41_000);
    expect(await contentsOf(fixture, "x")).toEqual(["young"]);
    expect(await describeAs(fixture, "ann", "x")).toMatchObject({ firstSequence: 3, lastSequence: 3 });
    await sweep(fixture.chat);
    const read = { after: 0, streams: ["$chat/*"], maxEvents: 10, maxBytes: 1e9 };
    expect((await fixture.log.read(read)).events.map(({ revision }) => revision)).toEqual([3]);
    expect(await fixture.records.scan("chatchanges", { limit: 1 })).toEqual([]);
    fixture.clock.advance(60_000);
    expect(await contentsOf(fixture, "x")).toEqual([]);
    expect(await describeAs(fixture, "ann", "x")).toMatchObject({ firstSequence: 4, lastSequence: 3 });
    await say(fixture, "x", "new");
    expect(await describeAs(fixture, "ann", "x")).toMatchObject({ firstSequence: 4, lastSequence: 4 });
  });

  it("are not sent either when they have become too old for a slow member; it is told so if it can be", async () => {
    await using fixture = await openChatFixture();
    await create(fixture, "ann", { roomId: "x", open: true, retention: { seconds: 100, nanos: 0 } });
    const [aware, seed] = [fixture.open("ann", { noDefaultRoom: true }), fixture.connect("seed")];
    aware.control({ $case: "join", value: {} }, "x");
    await aware.untilRead();
    const releases = [aware.stall(), seed.stall()];
    seed.say("one", { roomId: "x" });
    await Promise.all([aware.texts(1), seed.texts(1)]);
    await say(fixture, "x", "two", "three");
    fixture.clock.advance(101_000);
    await say(fixture, "x", "four");
    for (const release of releases) release();
    await Promise.all([aware, seed].map((member) => member.until(({ content }) => content === "four")));
    const heard = [aware, seed].map(({ received }) =>
      received
        .map(({ content, control }) => (control?.kind?.$case === "stream" ? "gap" : content))
        .filter((what) => what !== ""),
    );
    expect(heard).toEqual([
      ["one", "gap", "four"],
      ["one", "four"],
    ]);
  });

  it("stay in their room: no member, list or watcher of anything else sees them", async () => {
    await using fixture = await openChatFixture();
    const [inX, inY] = [fixture.open("ann", { noDefaultRoom: true }), fixture.open("ben", { noDefaultRoom: true })];
    inX.control({ $case: "join", value: {} }, "x");
    inY.control({ $case: "join", value: {} }, "x.y");
    await Promise.all([inX.untilRead(), inY.untilRead()]);
    await say(fixture, "x", "to x");
    await say(fixture, "x.y", "to y");
    inX.halfClose();
    inY.halfClose();
    await Promise.all([inX.ended, inY.ended]);
    const contents = (received: typeof inX.received): string[] =>
      received.flatMap(({ content, control }) => (control ? [] : [content]));
    expect([contents(inX.received), contents(inY.received)]).toEqual([["to x"], ["to y"]]);
    expect([await contentsOf(fixture, "x"), await contentsOf(fixture, "x.y")]).toEqual([["to x"], ["to y"]]);
    const all = await fixture.log.read({ after: 0, maxEvents: 10, maxBytes: 1e9 });
    const named = await fixture.log.read({ after: 0, streams: ["*"], types: ["chat.*"], maxEvents: 10, maxBytes: 1e9 });
    expect([all.events, named.events]).toEqual([[], []]);
    using cursor = fixture.chat.feed.open({ types: [], streams: [] }, 0);
    expect((await cursor.next({ maxEvents: 10, maxBytes: 1e9 })).events).toEqual([]);
  });
});

describe("the presence in a room", () => {
  it("is told without being there", async () => {
    await using fixture = await openChatFixture();
    const members = [fixture.connect("ann"), fixture.connect("ben"), fixture.connect("ann")];
    await Promise.all(members.map(({ joined }) => joined));
    const present = await getPresence({ roomId: "" }, contextOf("eve"), fixture.chat);
    expect(present).toMatchObject({
      memberCount: 2,
      members: [
        { userId: "ann", connections: 2 },
        { userId: "ben", connections: 1 },
      ],
    });
    await expect(getPresence({ roomId: "nowhere" }, contextOf("eve"), fixture.chat)).rejects.toMatchObject(NOT_FOUND);
  });
});
