import { describe, expect, it } from "@jest/globals";
import {
  type ChatRoom,
  CreateRoomRequest,
  ListMessagesRequest,
  ListRoomsRequest,
  type PartialMessage,
  UpdateMembersRequest,
} from "@millrace/shared-types";

import { type ChatFixture, contextOf, openChatFixture, reasonOf, say, sendAs } from "./chat-fixture.test.support.js";
import { createRoom } from "./create-room.js";
import { deleteRoom } from "./delete-room.js";
import { getPresence } from "./get-presence.js";
import { getRoom } from "./get-room.js";
import { listMessages } from "./list-messages.js";
import { listRooms } from "./list-rooms.js";
import { streamOf } from "./room-record.js";
import { sweep } from "./sweeper.js";
import { updateMembers } from "./update-members.js";

async function create(
  { chat }: ChatFixture,
  user: string,
  room: PartialMessage<ChatRoom>,
): Promise<ChatRoom | undefined> {
  return (await createRoom(CreateRoomRequest.fromPartial({ room }), contextOf(user), chat)).room;
}

async function describeAs({ chat }: ChatFixture, user: string, roomId: string): Promise<ChatRoom | undefined> {
  return (await getRoom({ roomId }, contextOf(user), chat)).room;
}

async function listAs({ chat }: ChatFixture, user: string, pageSize = 0): Promise<(string | undefined)[]> {
  const roomIds: string[] = [];
  for (let pageToken = ""; ;) {
    const page = await listRooms(ListRoomsRequest.fromPartial({ pageSize, pageToken }), contextOf(user), chat);
    roomIds.push(...page.rooms.map(({ roomId }) => roomId));
    pageToken = page.nextPageToken;
    if (pageToken === "") return roomIds;
  }
}

async function contentsOf({ chat }: ChatFixture, roomId: string): Promise<string[]> {
  const { messages } = await listMessages(ListMessagesRequest.fromPartial({ roomId }), contextOf("ann"), chat);
  return messages.map(({ content }) => content);
}

async function change(
  { chat }: ChatFixture,
  user: string,
  fields: PartialMessage<UpdateMembersRequest>,
): Promise<ChatRoom | undefined> {
  return (await updateMembers(UpdateMembersRequest.fromPartial(fields), contextOf(user), chat)).room;
}

const NOT_FOUND = { reason: "RESOURCE_NOT_FOUND" };
const DENIED = { reason: "PERMISSION_DENIED" };

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
    aware.halfClose();
    await aware.ended;
    expect(aware.received.filter(({ content }) => content !== "")).toEqual([]);
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

  it("keeps its list of members to itself if it is open", async () => {
    await using fixture = await openChatFixture();
    await create(fixture, "ann", { roomId: "x", open: true });
    await expect(change(fixture, "ann", { roomId: "x", add: ["ben"] })).rejects.toMatchObject({
      reason: "INVALID_FIELD",
    });
  });
});

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
    await using fixture = await openChatFixture();
    await say(fixture, "x", "one");
    const [sent] = await Promise.allSettled([
      sendAs(fixture, "somebody", { roomId: "x", content: "two" }),
      deleteRoom({ roomId: "x" }, contextOf("somebody"), fixture.chat),
    ]);
    const { events } = await fixture.log.read({ after: 0, streams: ["$chat/x/*"], maxEvents: 10, maxBytes: 1e9 });
    expect(events.map(({ type }) => type)).toEqual(["chat.removed"]);
    expect(["fulfilled", "rejected"]).toContain(sent?.status);
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
