import { describe, expect, it } from "@jest/globals";
import { ServiceError } from "@millrace/shared-types";

import { eventually } from "../testing/eventually.js";
import { VirtualClock } from "../testing/virtual-clock.js";
import { openChat } from "./open-chat.test.support.js";

const limited = (retryAfterMs: number) =>
  new ServiceError("RATE_LIMITED", "slow down", { retryAfterMs, metadata: { quota: "chat" } });

describe("a message to a room", () => {
  it("is acknowledged once it is stored", async () => {
    await using opened = openChat();
    await using room = await opened.chat.join("lobby");
    expect(await room.send("hello")).toEqual({ id: "m1", sequence: 1, duplicate: false });
    expect(room.pendingBytes).toBe(0);
  });

  it("is stored in the order of the calls", async () => {
    await using opened = openChat();
    await using room = await opened.chat.join("lobby");
    const texts = Array.from({ length: 50 }, (_, n) => `text ${String(n)}`);
    await Promise.all(texts.map((text) => room.send(text)));
    expect(opened.server.texts("lobby")).toEqual(texts);
    expect(opened.server.heard.filter(({ kind }) => kind === "text")).toHaveLength(50);
  });

  it("is stored once if its acknowledgement is lost", async () => {
    await using opened = openChat();
    await using room = await opened.chat.join("lobby");
    let losses = 3;
    opened.server.tamper = (message) => {
      if (message.control?.kind?.$case !== "ack" || losses-- <= 0) return message;
      queueMicrotask(() => opened.faults.cut());
      return undefined;
    };
    expect(await room.send("once")).toEqual({ id: "m1", sequence: 1, duplicate: true });
    expect(opened.server.texts("lobby")).toEqual(["once"]);
    expect(room.attempts).toBe(4);
  });

  it("may be known by a name of the caller's, so that another process can send it again", async () => {
    await using opened = openChat();
    await using room = await opened.chat.join("lobby");
    await room.send({ content: "order 7", clientMessageId: "order-7" });
    expect(await opened.chat.send("lobby", { content: "order 7", clientMessageId: "order-7" })).toEqual({
      id: "m1",
      sequence: 1,
      duplicate: true,
    });
  });

  it("is refused alone", async () => {
    await using opened = openChat();
    await using room = await opened.chat.join("lobby");
    opened.server.refuse = ({ content }) =>
      content === "bad" ? new ServiceError("LIMIT_EXCEEDED", "too long", { metadata: { max: 16 } }) : undefined;
    const [first, bad, last] = ["first", "bad", "last"].map((text) => room.send(text));
    await expect(bad).rejects.toMatchObject({
      kind: "invalid-argument",
      reason: "LIMIT_EXCEEDED",
      details: { metadata: { max: "16" } },
    });
    expect((await first)?.sequence).toBe(1);
    expect((await last)?.sequence).toBe(2);
  });

  it("is refused alone if it is larger than a message can be", async () => {
    await using opened = openChat();
    await using room = await opened.chat.join("lobby");
    await expect(room.send("x".repeat(5_000_000))).rejects.toMatchObject({ kind: "message-too-large" });
    expect((await room.send("small")).sequence).toBe(1);
    expect(room.attempts).toBe(1);
  });

  it("goes again over the next stream if the server just ends this one", async () => {
    await using opened = openChat();
    await using room = await opened.chat.join("lobby");
    opened.server.endNextStream = true;
    expect((await room.send("x")).sequence).toBe(1);
    expect(room.attempts).toBe(2);
  });

  it("waits as long as the rate limit says, and is not overtaken", async () => {
    const clock = new VirtualClock();
    await using opened = openChat({}, { clock });
    await using room = await opened.chat.join("lobby", { heartbeatMs: 0 });
    let refusals = 2;
    opened.server.refuse = ({ content }) => (content === "2" && refusals-- > 0 ? limited(700) : undefined);
    const sends = ["1", "2", "3"].map((text) => room.send(text));
    await sends[0];
    for (let round = 0; round < 2; round++) {
      await clock.untilPending(1);
      expect(clock.delays).toEqual([700]);
      expect(opened.server.texts("lobby")).toEqual(["1"]);
      await clock.advance(700);
    }
    await Promise.all(sends);
    expect(opened.server.texts("lobby")).toEqual(["1", "2", "3"]);
  });

  it("is refused if the rate limit does not let it through in a minute", async () => {
    const clock = new VirtualClock();
    await using opened = openChat({}, { clock });
    await using room = await opened.chat.join("lobby", { heartbeatMs: 0 });
    opened.server.refuse = ({ content }) => (content === "never" ? limited(20_000) : undefined);
    const never = room.send("never");
    const next = room.send("next");
    for (let round = 0; round < 3; round++) {
      await clock.untilPending(1);
      await clock.advance(20_000);
    }
    await expect(never).rejects.toMatchObject({ kind: "resource-exhausted", reason: "RATE_LIMITED" });
    expect((await next).sequence).toBe(1);
    expect(clock.pending).toBe(0);
  });

  it("is sent again after a cut while the rate limit holds it back", async () => {
    await using opened = openChat();
    await using room = await opened.chat.join("lobby");
    let refusals = 1;
    opened.server.refuse = () => (refusals-- > 0 ? limited(3_600_000 / 100) : undefined);
    const sent = room.send("held");
    await eventually(() => expect(refusals).toBe(0));
    opened.faults.cut();
    expect((await sent).sequence).toBe(1);
  });

  it("can be given up while it waits", async () => {
    await using opened = openChat();
    await using room = await opened.chat.join("lobby");
    opened.faults.stall();
    const caller = new AbortController();
    const onItsWay = room.send("on its way", { signal: caller.signal });
    const waiting = room.send("waiting", { signal: caller.signal });
    const other = room.send("other");
    caller.abort("never mind");
    await expect(onItsWay).rejects.toMatchObject({ name: "AbortError", cause: "never mind" });
    await expect(waiting).rejects.toMatchObject({ name: "AbortError" });
    await expect(room.send("none", { signal: caller.signal })).rejects.toMatchObject({ name: "AbortError" });
    opened.faults.resume();
    await other;
    expect(opened.server.texts("lobby")).not.toContain("waiting");
    expect(opened.server.texts("lobby").at(-1)).toBe("other");
    expect(room.pendingBytes).toBe(0);
  });

  it("is refused if 4 MiB wait already", async () => {
    await using opened = openChat();
    const room = await opened.chat.join("lobby");
    opened.faults.stall();
    const fitting = Array.from({ length: 4 }, () => room.send("x".repeat(1024 * 1023)));
    await expect(room.send("x".repeat(8192))).rejects.toMatchObject({ kind: "resource-exhausted", origin: "client" });
    expect(room.pendingBytes).toBeLessThanOrEqual(4 * 1024 * 1024);
    room.cancel();
    for (const sent of fitting) await expect(sent).rejects.toMatchObject({ kind: "cancelled" });
    expect(room.pendingBytes).toBe(0);
    opened.faults.resume();
  });

  it("must be one", async () => {
    await using opened = openChat();
    await using room = await opened.chat.join("lobby");
    await expect(room.send({ contents: "x" } as never)).rejects.toThrow(
      "unknown option 'contents' - did you mean content?",
    );
    await expect(room.send({} as never)).rejects.toThrow("option 'content' is missing");
    await expect(room.send("x", { timeoutMs: 1 } as never)).rejects.toThrow("unknown option 'timeoutMs'");
    await expect(room.react("m1", "+1", { undo: true } as never)).rejects.toThrow("unknown option 'undo'");
    expect(opened.server.texts("lobby")).toEqual([]);
  });
});

describe("besides texts, a room", () => {
  it("carries answers, edits, redactions and reactions", async () => {
    await using opened = openChat();
    await using room = await opened.chat.join("lobby");
    const { id } = await room.send("helo");
    await room.reply(id, "hello?");
    await room.edit(id, "hello");
    await room.react(id, "+1");
    await room.react(id, "+1", { remove: true });
    await room.redact(id);
    const kinds: unknown[] = [];
    for await (const { kind, targetId, content, metadata, sequence } of room) {
      kinds.push([kind, targetId, content, metadata]);
      if (sequence === 6) break;
    }
    expect(kinds).toEqual([
      ["text", undefined, "helo", {}],
      ["text", "m1", "hello?", {}],
      ["edit", "m1", "hello", {}],
      ["reaction", "m1", "+1", {}],
      ["reaction", "m1", "+1", { remove: "true" }],
      ["redact", "m1", "", {}],
    ]);
  });

  it("tells who types and who has read what, if asked to", async () => {
    await using opened = openChat();
    const told: unknown[] = [];
    await using room = await opened.chat.join("lobby", {
      onTyping: (notice) => told.push(notice),
      onRead: (notice) => told.push(notice),
    });
    expect(opened.server.heard[0]?.message.control?.kind?.value).toMatchObject({ typing: true, receipts: true });
    opened.server.tell({ $case: "typing", value: { active: true } }, { roomId: "lobby", userId: "ann" });
    opened.server.tell({ $case: "receipt", value: { sequence: 3 } }, { roomId: "lobby", userId: "ann" });
    await eventually(() =>
      expect(told).toEqual([
        { userId: "ann", active: true },
        { userId: "ann", sequence: 3 },
      ]),
    );
    room.typing();
    room.typing(false);
    await room.send("x");
    const typing = opened.server.heard.filter(({ kind }) => kind === "typing");
    expect(typing.map(({ message }) => message.control?.kind?.value)).toEqual([{ active: true }, { active: false }]);
  });

  it("says up to where the user has read, never less, and again after a reconnect", async () => {
    await using opened = openChat();
    opened.server.say("lobby", "1", "2");
    await using room = await opened.chat.join("lobby");
    room.markRead(2);
    room.markRead(1);
    await room.send("x");
    opened.faults.cut();
    await room.send("y");
    const read = opened.server.heard.filter(({ kind }) => kind === "receipt");
    expect(read.map(({ message }) => message.control?.kind?.value)).toEqual([{ sequence: 2 }, { sequence: 2 }]);
    expect(() => room.markRead(0.5)).toThrow(RangeError);
  });

  it("says that a message is read only after it has come in", async () => {
    await using opened = openChat();
    await using room = await opened.chat.join("lobby");
    room.markRead(2);
    opened.server.say("lobby", "1");
    await room.send("2");
    await room.send("3");
    const order = opened.server.heard.map(({ kind, message }) => message.content || kind);
    expect(order).toEqual(["open", "join", "2", "receipt", "3"]);
  });

  it("knows who is there, also after a reconnect", async () => {
    await using opened = openChat();
    opened.server.members = [{ userId: "ann" }];
    const changes: string[] = [];
    await using room = await opened.chat.join("lobby", {
      onPresence: ({ member, online }) => changes.push(`${member.userId} ${online ? "came" : "went"}`),
      onRead: () => {},
    });
    expect([...room.members.keys()]).toEqual(["ann"]);
    const bob = { userId: "bob", connections: 1, onlineSince: undefined, readSequence: 0 };
    opened.server.tell({ $case: "presence", value: { member: bob, online: true } }, { roomId: "lobby" });
    opened.server.tell({ $case: "receipt", value: { sequence: 4 } }, { roomId: "lobby", userId: "bob" });
    await room.send("x");
    expect(room.members.get("bob")).toMatchObject({ connections: 1, readSequence: 4 });
    opened.server.members = [{ userId: "bob" }, { userId: "cleo" }];
    opened.faults.cut();
    await room.send("y");
    expect([...room.members.keys()]).toEqual(["bob", "cleo"]);
    expect(changes).toEqual(["bob came", "ann went", "cleo came"]);
  });
});
