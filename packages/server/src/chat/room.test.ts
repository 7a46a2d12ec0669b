import { describe, expect, it } from "@jest/globals";

import { openChatFixture } from "./chat-fixture.test.support.js";
import { heard, isText, reasonOf } from "./test-member.test.support.js";

describe("what members tell each other", () => {
  it("who comes and goes: with the first stream, and five seconds after the last", async () => {
    await using fixture = await openChatFixture();
    const { clock } = fixture;
    const ann = fixture.open("ann", { presence: true });
    expect((await ann.untilControl("joined")).members).toMatchObject([{ userId: "ann", connections: 1 }]);
    const [phone, desk] = [fixture.connect("ben"), fixture.connect("ben")];
    await Promise.all([phone.joined, desk.joined]);
    expect(await ann.untilControl("presence")).toMatchObject({
      member: { userId: "ben", connections: 1 },
      online: true,
    });
    phone.abort();
    await phone.ended.catch(() => {});
    clock.advance(10_000);
    desk.halfClose();
    await desk.ended;
    clock.advance(4999);
    const again = fixture.connect("ben");
    await again.joined;
    clock.advance(10_000);
    again.halfClose();
    await again.ended;
    clock.advance(5000);
    expect(await ann.untilControl("presence")).toMatchObject({
      member: { userId: "ben", connections: 0 },
      online: false,
    });
    ann.halfClose();
    await ann.ended;
    expect(heard(ann)).toEqual(["joined", "presence", "presence"]);
  });

  it("who is typing, at most once a second, and no longer when they leave", async () => {
    await using fixture = await openChatFixture();
    const [ann, ben] = [fixture.open("ann", { typing: true }), fixture.open("ben", { typing: true })];
    await ann.untilControl("joined");
    for (const active of [true, false, true, false, true]) ben.control({ $case: "typing", value: { active } });
    expect(await ann.until(({ control }) => control !== undefined)).toMatchObject({
      userId: "ben",
      roomId: "general",
      control: { kind: { value: { active: true } } },
    });
    await ben.untilRead();
    fixture.clock.advance(1000);
    expect(await ann.untilControl("typing")).toEqual({ active: true });
    ben.abort();
    expect(await ann.untilControl("typing")).toEqual({ active: false });
    expect(heard(ben)).not.toContain("typing");
  });

  it("how far they have read; that is remembered, only grows, and cannot be beyond the end", async () => {
    await using fixture = await openChatFixture();
    const [ann, ben] = [fixture.open("ann", { receipts: true }), fixture.open("ben", { receipts: true })];
    await ben.untilControl("joined");
    for (const content of ["1", "2", "3"]) ann.say(content);
    await ben.texts(3);
    for (const sequence of [2, 3, 1]) ben.control({ $case: "receipt", value: { sequence } });
    expect(await ann.untilControl("receipt")).toEqual({ sequence: 2 });
    await ben.untilRead();
    fixture.clock.advance(1000);
    expect(await ann.untilControl("receipt")).toEqual({ sequence: 3 });
    for (const sequence of [4, 0]) ben.control({ $case: "receipt", value: { sequence } });
    expect(reasonOf(await ben.untilControl("error"))).toBe("FUTURE_POSITION");
    expect(reasonOf(await ben.untilControl("error"))).toBe("INVALID_FIELD");
    await using later = await fixture.reopen();
    const again = later.open("ben", { presence: true });
    expect((await again.untilControl("joined")).members).toMatchObject([{ userId: "ben", readSequence: 3 }]);
  });

  it("is dropped, oldest first, for one that does not read; it gets all messages all the same", async () => {
    await using fixture = await openChatFixture();
    const ann = fixture.open("ann", { presence: true });
    await ann.untilControl("joined");
    const release = ann.stall();
    const talker = fixture.open("talker", { acks: true });
    talker.say("first");
    await talker.untilControl("ack");
    const others = Array.from({ length: 300 }, (_, number) => fixture.connect(`user-${String(number)}`));
    for (const other of others) await other.joined;
    talker.say("last");
    await talker.untilControl("ack");
    release();
    await ann.until(({ content }) => content === "last");
    ann.halfClose();
    await ann.ended;
    expect(ann.received.filter(isText).map(({ content }) => content)).toEqual(["first", "last"]);
    expect(heard(ann).filter((kind) => kind === "presence").length).toBeLessThanOrEqual(257);
  });
});
