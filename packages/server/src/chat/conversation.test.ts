import { setImmediate as turn } from "node:timers/promises";

import { describe, expect, it } from "@jest/globals";
import { ChatMessageKind, decodeStatusDetails, encodeMessage, GapReason, Status } from "@millrace/shared-types";

import { openChatFixture } from "./chat-fixture.test.support.js";
import { heard, isText, reasonOf } from "./test-member.test.support.js";

describe("a chat stream that was opened", () => {
  it("is told that it has joined the default room, then hears what follows", async () => {
    await using fixture = await openChatFixture();
    const before = fixture.connect("ben");
    before.say("before");
    await before.texts(1);
    const ann = fixture.open("ann");
    expect(await ann.untilControl("joined")).toMatchObject({
      lastSequence: 1,
      firstSequence: 1,
      recovered: false,
      members: [],
    });
    before.say("after");
    expect(await ann.texts(1)).toEqual(["after"]);
  });

  it("misses nothing, and hears nothing twice, of what is said while it opens, however slowly it reads", async () => {
    await using fixture = await openChatFixture();
    const [ann, ben] = [fixture.connect("ann"), fixture.open("ben", { acks: true })];
    await ann.joined;
    const release = ann.stall();
    const say = async (from: number, to: number): Promise<void> => {
      for (let number = from; number < to; number += 1) ben.say(String(number));
      for (let number = from; number < to; number += 1) await ben.untilControl("ack");
    };
    await say(0, 1);
    await ann.texts(1);
    await say(1, 20);
    ann.control({ $case: "open", value: {} });
    await ann.untilRead();
    await say(20, 40);
    release();
    expect(await ann.texts(39)).toEqual(Array.from({ length: 39 }, (_, number) => String(number + 1)));
    ann.halfClose();
    await ann.ended;
    expect(ann.received.filter(isText)).toHaveLength(40);
  });

  it("is in no room if it does not want the default one", async () => {
    await using fixture = await openChatFixture();
    const [ann, ben] = [fixture.open("ann", { noDefaultRoom: true }), fixture.connect("ben")];
    await ann.untilRead();
    ben.say("hello");
    await ben.texts(1);
    ann.halfClose();
    await ann.ended;
    expect(ann.received).toEqual([]);
  });

  it("stays in the default room when it joins others, until it leaves it", async () => {
    await using fixture = await openChatFixture();
    const [ann, ben] = [fixture.open("ann"), fixture.connect("ben")];
    ann.control({ $case: "join", value: {} }, "x");
    await ann.untilControl("joined");
    expect(await ann.until(({ roomId }) => roomId === "x")).toMatchObject({ control: { kind: { $case: "joined" } } });
    ben.say("one");
    expect(await ann.texts(1)).toEqual(["one"]);
    ann.control({ $case: "leave", value: {} });
    await ann.untilRead();
    ben.say("two");
    ben.say("three", { roomId: "x" });
    expect(await ann.texts(1)).toEqual(["three"]);
  });

  it("gets an acknowledgement of each message that is stored, and the first one's place for one that came again", async () => {
    await using fixture = await openChatFixture();
    const ann = fixture.open("ann", { acks: true });
    ann.say("hello", { clientMessageId: "c1" });
    const first = await ann.untilControl("ack");
    expect(first).toMatchObject({ clientMessageId: "c1", sequence: 1, duplicate: false });
    ann.say("hello", { clientMessageId: "c1" });
    ann.say("something else", { clientMessageId: "c1", metadata: new Map([["a", "b"]]) });
    expect(await ann.untilControl("ack")).toEqual({ ...first, duplicate: true });
    expect(await ann.untilControl("ack")).toEqual({ ...first, duplicate: true });
    ann.say("hello", { clientMessageId: "c1", roomId: "x" });
    expect(await ann.untilControl("ack")).toMatchObject({ sequence: 1, duplicate: false });
    const ben = fixture.open("ben", { acks: true });
    ben.say("hello", { clientMessageId: "c1" });
    expect(await ben.untilControl("ack")).toMatchObject({ sequence: 2, duplicate: false });
    ann.halfClose();
    await ann.ended;
    expect(ann.received.filter(isText).map(({ roomId, messageId }) => [roomId, messageId === first.messageId])).toEqual(
      expect.arrayContaining([
        ["general", true],
        ["x", false],
        ["general", false],
      ]),
    );
  });

  it("sends once over two streams as an anonymous caller too, without taking another one's ids", async () => {
    await using fixture = await openChatFixture();
    const [one, two] = [fixture.open("", { acks: true }), fixture.open("", { acks: true })];
    one.say("hello", { clientMessageId: "1" });
    const first = await one.untilControl("ack");
    two.say("hello", { clientMessageId: "1" });
    expect(await two.untilControl("ack")).toEqual({ ...first, duplicate: true });
    two.say("something else", { clientMessageId: "1" });
    expect(await two.untilControl("ack")).toMatchObject({ sequence: 2, duplicate: false });
  });

  it("is told of every message that is refused, and goes on", async () => {
    await using fixture = await openChatFixture();
    const ann = fixture.open("ann", { acks: true });
    ann.say("", { clientMessageId: "c1" });
    ann.control({ $case: "open", value: {} });
    ann.control({ $case: "typing", value: { active: true } }, "elsewhere");
    ann.control({ $case: "ack", value: {} });
    ann.send({ control: {} });
    ann.say("x", { clientMessageId: "c".repeat(1000), roomId: "r".repeat(1000) });
    const errors = [];
    for (let count = 0; count < 6; count += 1) errors.push(await ann.untilControl("error"));
    expect(errors.map(reasonOf)).toEqual([
      "INVALID_FIELD",
      "PROTOCOL_VIOLATION",
      "PROTOCOL_VIOLATION",
      "INVALID_FIELD",
      "INVALID_FIELD",
      "INVALID_FIELD",
    ]);
    expect(errors.map(({ clientMessageId }) => clientMessageId.length)).toEqual([2, 0, 0, 0, 0, 255]);
    ann.say("fine");
    expect(await ann.untilControl("ack")).toMatchObject({ sequence: 1 });
  });

  it("is told when to send again if it sends too fast, and goes on", async () => {
    await using fixture = await openChatFixture({ limits: { maxChatMessagesPerSecond: 10 } });
    const [ann, other] = [fixture.open("ann", { acks: true, noEcho: true }), fixture.open("ann", { acks: true })];
    for (let number = 0; number < 30; number += 1) ann.say(String(number));
    for (let number = 0; number < 30; number += 1) await ann.untilControl("ack");
    other.say("too much of one user", { clientMessageId: "c1" });
    const { clientMessageId, status } = await other.untilControl("error");
    const details = decodeStatusDetails(encodeMessage(Status, status ?? Status.fromPartial({})));
    expect({ clientMessageId, code: status?.code, ...details }).toMatchObject({
      clientMessageId: "c1",
      code: 8,
      reason: "RATE_LIMITED",
      retryAfterMs: 100,
    });
    fixture.clock.advance(100);
    other.say("later", { clientMessageId: "c1" });
    expect(await other.untilControl("ack")).toMatchObject({ sequence: 31 });
  });

  it("does not get back what it sends itself if it does not want to; the user's other streams do", async () => {
    await using fixture = await openChatFixture();
    const [phone, desk] = [fixture.open("ann", { noEcho: true, acks: true }), fixture.open("ann", { noEcho: true })];
    await desk.untilControl("joined");
    phone.say("from the phone");
    expect(await desk.texts(1)).toEqual(["from the phone"]);
    desk.say("from the desk");
    expect(await phone.texts(1)).toEqual(["from the desk"]);
    phone.halfClose();
    await phone.ended;
    expect(heard(phone)).toEqual(["joined", "ack", "from the desk"]);
  });

  it("is told what is said about messages too: edits, redactions, reactions and answers", async () => {
    await using fixture = await openChatFixture();
    const [ann, ben] = [fixture.open("ann"), fixture.open("ben")];
    await ben.untilControl("joined");
    ann.say("text");
    const { messageId: targetMessageId } = await ben.until(isText);
    ben.say("+1", { targetMessageId, kind: ChatMessageKind.REACTION });
    ben.say("why?", { targetMessageId });
    await ann.until(({ content }) => content === "why?");
    ann.say("better text", { targetMessageId, kind: ChatMessageKind.EDIT });
    ann.send({ targetMessageId, kind: ChatMessageKind.REDACT });
    await ben.until(({ kind }) => kind === ChatMessageKind.REDACT);
    expect(
      ben.received
        .filter(isText)
        .map(({ kind, sequence, targetMessageId: target }) => [kind, sequence, target === targetMessageId]),
    ).toEqual([
      [ChatMessageKind.TEXT, 1, false],
      [ChatMessageKind.REACTION, 2, true],
      [ChatMessageKind.TEXT, 3, true],
      [ChatMessageKind.EDIT, 4, true],
      [ChatMessageKind.REDACT, 5, true],
    ]);
  });

  it("gets a heartbeat after every interval of silence, and none while others talk", async () => {
    await using fixture = await openChatFixture();
    const { clock } = fixture;
    const ann = fixture.open("ann", { heartbeatInterval: { seconds: 2, nanos: 0 } });
    await ann.untilControl("joined");
    await turn();
    clock.advance(1500);
    ann.say("still here");
    await ann.texts(1);
    await turn();
    clock.advance(1500);
    await turn();
    expect(heard(ann)).toEqual(["joined", "still here"]);
    clock.advance(500);
    expect(await ann.untilControl("stream")).toMatchObject({
      kind: { $case: "heartbeat", value: { interval: { seconds: 2, nanos: 0 } } },
    });
    await turn();
    clock.advance(2000);
    await ann.untilControl("stream");
  });

  it("is told that the server drains, if it was opened", async () => {
    await using fixture = await openChatFixture();
    const [ann, seed] = [fixture.open("ann"), fixture.connect()];
    await ann.untilControl("joined");
    await seed.joined;
    ann.drain();
    seed.drain();
    expect(await ann.untilControl("stream")).toMatchObject({
      kind: { $case: "draining", value: { grace: { seconds: 0, nanos: 250_000_000 } } },
    });
    expect(seed.received).toEqual([]);
    const late = fixture.connect("late");
    await late.joined;
    late.drain();
    late.control({ $case: "open", value: {} });
    await late.untilControl("stream");
  });

  it("is told where messages are missing that went while it was slow", async () => {
    await using fixture = await openChatFixture();
    const [ann, ben] = [fixture.open("ann"), fixture.open("ben", { noDefaultRoom: true, acks: true })];
    await ann.untilControl("joined");
    const release = ann.stall();
    for (let number = 1; number <= 200; number += 1) ben.say(`m${String(number)} ${"x".repeat(10_000)}`);
    for (let number = 1; number <= 200; number += 1) await ben.untilControl("ack");
    using use = await fixture.chat.rooms.use("general");
    await fixture.log.truncate(use.room.stream, 151);
    release();
    await ann.until(({ sequence }) => sequence === 200);
    const texts = ann.received.filter(isText).map(({ sequence }) => sequence);
    const [gap] = ann.received.flatMap(({ control }) =>
      control?.kind?.$case === "stream" ? [control.kind.value.kind] : [],
    );
    expect(gap?.$case === "gap" && gap.value).toEqual({
      fromSequence: (texts.find((sequence, index) => texts[index + 1] !== sequence + 1) ?? 0) + 1,
      toSequence: 150,
      droppedCount: 150 - texts.indexOf(151),
      reason: GapReason.COMPACTED,
    });
  });

  it("can be in a hundred rooms, and not in one more", async () => {
    await using fixture = await openChatFixture();
    const ann = fixture.open("ann", { noDefaultRoom: true });
    for (let number = 0; number <= 100; number += 1)
      ann.control({ $case: "join", value: {} }, `room-${String(number)}`);
    expect(reasonOf(await ann.untilControl("error"))).toBe("LIMIT_EXCEEDED");
    ann.control({ $case: "leave", value: {} }, "room-7");
    ann.control({ $case: "join", value: {} }, "room-8");
    ann.control({ $case: "join", value: {} }, "room-101");
    expect(await ann.until(({ roomId }) => roomId === "room-101")).toMatchObject({
      control: { kind: { $case: "joined" } },
    });
  });
});
