import { setImmediate as turn } from "node:timers/promises";

import { describe, expect, it } from "@jest/globals";
import { ChatMessageKind, ServiceError } from "@millrace/shared-types";

import { eventOf, openChatFixture } from "./chat-fixture.test.support.js";
import type { TestMember } from "./test-member.test.support.js";

/** Contents of all messages that a client got. */
function heard({ received }: TestMember): string[] {
  return received.map(({ content }) => content);
}

describe("a chat stream of a client that knows the seed's messages", () => {
  it("hears what everybody says in the default room, its own messages too", async () => {
    await using fixture = await openChatFixture();
    const [ann, ben] = [fixture.connect("ann"), fixture.connect("ben")];
    await Promise.all([ann.joined, ben.joined]);
    ann.say("hello");
    expect(await ann.texts(1)).toEqual(["hello"]);
    expect(await ben.next()).toMatchObject({ userId: "ann", roomId: "general", content: "hello", sequence: 1 });
  });

  it("hears the room that it names, and no longer the default room (S13)", async () => {
    await using fixture = await openChatFixture();
    const [ann, ben, reader] = [fixture.connect("ann"), fixture.connect("ben"), fixture.connect("reader")];
    await Promise.all([ann.joined, ben.joined, reader.joined]);
    ann.say("first", { roomId: "x" });
    expect(await ann.texts(1)).toEqual(["first"]);
    ben.say("second", { roomId: "x" });
    expect(await ann.texts(1)).toEqual(["second"]);
    reader.say("to all who only read");
    expect(await reader.texts(1)).toEqual(["to all who only read"]);
    ann.halfClose();
    await ann.ended;
    expect(heard(ann)).toEqual(["first", "second"]);
    expect(heard(reader)).toEqual(["to all who only read"]);
  });

  it("hears the default room if it only reads (S13)", async () => {
    await using fixture = await openChatFixture();
    const [reader, writer] = [fixture.connect(), fixture.connect()];
    await reader.joined;
    writer.say("anybody there?");
    expect(await reader.texts(1)).toEqual(["anybody there?"]);
  });

  it("is in every room that it has named, and in the default room again once it says something there", async () => {
    await using fixture = await openChatFixture();
    const [ann, ben] = [fixture.connect("ann"), fixture.connect("ben")];
    for (const roomId of ["x", "y", ""]) ann.say(`to ${roomId}`, { roomId });
    await ann.texts(3);
    for (const roomId of ["x", "y", "general"]) ben.say(`from ${roomId}`, { roomId });
    expect((await ann.texts(3)).sort()).toEqual(["from general", "from x", "from y"]);
  });

  it("gets back everything that it sent before it half-closed, and then ends (S12)", async () => {
    await using fixture = await openChatFixture();
    const [ann, other] = [fixture.connect("ann"), fixture.connect("other")];
    await other.joined;
    const sent = Array.from({ length: 200 }, (_, number) => `message ${String(number)}`);
    for (const content of sent) ann.say(content);
    ann.halfClose();
    await ann.ended;
    expect(heard(ann)).toEqual(sent);
    expect(await other.texts(200)).toEqual(sent);
  });

  it("can half-close without a word, and hears what others had said by then (S12)", async () => {
    await using fixture = await openChatFixture();
    const [silent, ann] = [fixture.connect(), fixture.connect("ann")];
    await silent.joined;
    const release = silent.stall();
    ann.say("one");
    ann.say("two");
    await ann.texts(2);
    silent.halfClose();
    await silent.untilRead();
    release();
    await silent.ended;
    expect(heard(silent)).toEqual(["one", "two"]);
    ann.say("the others go on");
    expect(await ann.texts(1)).toEqual(["the others go on"]);
  });

  it("gets texts only: no edits, redactions or reactions", async () => {
    await using fixture = await openChatFixture();
    const [reader, ann] = [fixture.connect(), fixture.open("ann")];
    await reader.joined;
    ann.say("text");
    const { messageId: targetMessageId } = await ann.until(({ content }) => content === "text");
    ann.say("edited", { targetMessageId, kind: ChatMessageKind.EDIT });
    ann.say("+1", { targetMessageId, kind: ChatMessageKind.REACTION });
    ann.send({ targetMessageId, kind: ChatMessageKind.REDACT });
    ann.say("last");
    await ann.until(({ content }) => content === "last");
    await reader.until(({ content }) => content === "last");
    expect(reader.received.map(({ kind, control }) => [kind, control])).toEqual([
      [ChatMessageKind.TEXT, undefined],
      [ChatMessageKind.TEXT, undefined],
    ]);
  });

  it("is known by its credentials and the server's clock, whatever it says itself (E6)", async () => {
    await using fixture = await openChatFixture();
    const ann = fixture.connect("ann");
    const forged = {
      userId: "ben",
      messageId: "mine",
      sequence: 77,
      timestamp: { seconds: 1, nanos: 0 },
      redacted: true,
    };
    ann.say("hello", { ...forged, editTime: { seconds: 1, nanos: 0 } });
    const message = await ann.next();
    expect(message).toMatchObject({ userId: "ann", sequence: 1, redacted: false, editTime: undefined });
    expect(message.messageId).not.toBe("mine");
    expect(message.timestamp).toEqual({ seconds: Date.UTC(2026, 0, 1) / 1000, nanos: 0 });
  });

  it("is somebody else on each stream if it is anonymous, or nobody if that is not allowed", async () => {
    await using open = await openChatFixture();
    const [one, two] = [open.connect(), open.connect()];
    one.say("1");
    two.say("2");
    const [{ userId: first }, { userId: second }] = [
      await one.until(({ content }) => content === "1"),
      await two.until(({ content }) => content === "2"),
    ];
    expect([first, second]).toEqual([expect.stringMatching(/^anon-\w{12}$/), expect.stringMatching(/^anon-\w{12}$/)]);
    expect(first).not.toBe(second);
    await using closed = await openChatFixture({ allowAnonymous: false });
    await expect(closed.connect().ended).rejects.toMatchObject({ reason: "UNAUTHENTICATED" });
  });

  it.each([
    ["an empty text", { content: "" }, "INVALID_FIELD"],
    ["a text that is too long", { content: "é".repeat(8193) }, "LIMIT_EXCEEDED"],
    ["an impossible room", { content: "x", roomId: "a/b" }, "INVALID_FIELD"],
    ["too many attachments", { attachments: Array.from({ length: 11 }, () => "f") }, "LIMIT_EXCEEDED"],
    ["an attachment without a name", { attachments: [""] }, "INVALID_FIELD"],
    ["too much metadata", { content: "x", metadata: new Map([["key", "v".repeat(4096)]]) }, "LIMIT_EXCEEDED"],
    [
      "too many metadata",
      { content: "x", metadata: new Map(Array.from({ length: 33 }, (_, key) => [String(key), ""])) },
      "LIMIT_EXCEEDED",
    ],
    ["a message of the server", { content: "x", kind: ChatMessageKind.SYSTEM }, "INVALID_FIELD"],
    ["a kind that does not exist", { content: "x", kind: 99 as ChatMessageKind }, "INVALID_FIELD"],
    ["a control before open", { control: { kind: { $case: "leave", value: {} } } }, "PROTOCOL_VIOLATION"],
    ["an answer to nothing", { content: "x", targetMessageId: "nothing" }, "RESOURCE_NOT_FOUND"],
  ] as const)("loses its stream by %s, and nothing is stored", async (_what, message, reason) => {
    await using fixture = await openChatFixture();
    const ann = fixture.connect("ann");
    ann.send(message as Parameters<TestMember["send"]>[0]);
    await expect(ann.ended).rejects.toMatchObject({ reason });
    expect(await eventOf(fixture, "general", 1)).toBeUndefined();
  });

  it("may say 16 KiB at once, or nothing beside an attachment", async () => {
    await using fixture = await openChatFixture();
    const ann = fixture.connect("ann");
    ann.say("é".repeat(8192));
    ann.say("", { attachments: ["file"] });
    ann.halfClose();
    await ann.ended;
    expect(ann.received.map(({ content, attachments }) => [content.length, attachments])).toEqual([
      [8192, []],
      [0, ["file"]],
    ]);
  });

  it("is read more slowly when it says too much, and loses nothing", async () => {
    await using fixture = await openChatFixture({ limits: { maxChatMessagesPerSecond: 10 } });
    const ann = fixture.connect("ann");
    for (let number = 0; number < 40; number += 1) ann.say(String(number));
    await ann.texts(30);
    const nextCame = ann.texts(1);
    while (fixture.clock.timers < 2) await turn(); // the upkeep's, and that of the limit
    expect(ann.received).toHaveLength(30);
    fixture.clock.advance(100);
    expect(await nextCame).toEqual(["30"]);
    for (let number = 31; number < 40; number += 1) {
      while (fixture.clock.timers < 2) await turn();
      fixture.clock.advance(100);
      expect(await ann.texts(1)).toEqual([String(number)]);
    }
  });

  it("ends with the reason of its end, and leaves its rooms, wherever it is", async () => {
    await using fixture = await openChatFixture();
    const lost = new Error("connection lost");
    const draining = new ServiceError("DRAINING", "the server is draining");
    const [ann, ben] = [fixture.connect("ann"), fixture.connect("ben")];
    ann.say("hello");
    await ann.texts(1);
    await ben.joined;
    ann.abort(lost);
    ben.abort(draining);
    await expect(ann.ended).rejects.toBe(lost);
    await expect(ben.ended).rejects.toBe(draining);
    fixture.clock.advance(5000);
    expect(fixture.chat.rooms.inUse).toBe(0);
    expect(fixture.clock.timers).toBe(1); // the upkeep's
  });
});
