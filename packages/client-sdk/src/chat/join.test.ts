import { describe, expect, it } from "@jest/globals";
import { ServiceError } from "@millrace/shared-types";

import { eventually } from "../testing/eventually.js";
import { numbers, openChat, readerOf } from "./open-chat.test.support.js";

describe("a room that is joined", () => {
  it("gives what is said from then on, in order", async () => {
    await using opened = openChat();
    opened.server.say("lobby", "before");
    await using room = await opened.chat.join("lobby");
    opened.server.say("lobby", "1", "2", "3");
    expect(await readerOf(room).take(3)).toEqual(["1", "2", "3"]);
  });

  it("describes a message in full", async () => {
    await using opened = openChat();
    await using room = await opened.chat.join("lobby");
    await room.send({ content: "hi", metadata: { a: "b" }, attachments: ["f1"], replyTo: "m0", clientMessageId: "c1" });
    const { value } = await room[Symbol.asyncIterator]().next();
    expect(value).toEqual({
      id: "m1",
      room: "lobby",
      userId: "me",
      content: "hi",
      time: new Date(0),
      sequence: 1,
      epoch: "e1",
      kind: "text",
      targetId: "m0",
      metadata: { a: "b" },
      contentType: "text/plain",
      editedAt: undefined,
      redacted: false,
      attachments: ["f1"],
      clientMessageId: "c1",
    });
  });

  it("begins with some of the newest messages", async () => {
    await using opened = openChat();
    opened.server.say("lobby", ...numbers(1, 9));
    await using room = await opened.chat.join({ room: "lobby", historyLimit: 3 });
    opened.server.say("lobby", "10");
    expect(await readerOf(room).take(4)).toEqual(numbers(7, 10));
  });

  it("begins after a position, however many messages there are", async () => {
    await using opened = openChat();
    opened.server.maxJoinHistory = 10;
    opened.server.say("lobby", ...numbers(1, 345));
    await using room = await opened.chat.join({ room: "lobby", after: { sequence: 2 } });
    expect(await readerOf(room).take(343)).toEqual(numbers(3, 345));
    opened.server.say("lobby", "live");
    expect(opened.server.pages).toBe(4);
  });

  it("begins there also if the server leaves all of them to be fetched", async () => {
    await using opened = openChat();
    opened.server.maxJoinHistory = 0;
    opened.server.say("lobby", "1", "2", "3");
    await using room = await opened.chat.join({ room: "lobby", after: { sequence: 1 } });
    expect(await readerOf(room).take(2)).toEqual(["2", "3"]);
  });

  it("goes on in a later process after a message that was kept, as it is", async () => {
    await using opened = openChat();
    opened.server.say("lobby", ...numbers(1, 3));
    await using first = await opened.chat.join({ room: "lobby", after: { sequence: 0 } });
    const { value: kept } = await first[Symbol.asyncIterator]().next();
    await using second = await opened.chat.join({ room: "lobby", after: kept! });
    expect(await readerOf(second).take(2)).toEqual(["2", "3"]);
  });

  it("has a position: after the last message that the consumer has finished", async () => {
    await using opened = openChat();
    opened.server.say("lobby", "1", "2");
    await using room = await opened.chat.join({ room: "lobby", historyLimit: 1 });
    const reader = readerOf(room);
    opened.server.say("lobby", "3");
    expect(room.position).toEqual({ sequence: 1, epoch: "e1" });
    await reader.next();
    expect(room.position).toEqual({ sequence: 1, epoch: "e1" });
    await reader.next();
    expect(room.position).toEqual({ sequence: 2, epoch: "e1" });
  });

  it("hears nothing of other rooms", async () => {
    await using opened = openChat();
    await using room = await opened.chat.join("a");
    await using other = await opened.chat.join("b");
    await other.send("for b");
    await room.send("for a");
    expect(await readerOf(room).next()).toBe("for a");
    expect(await readerOf(other).next()).toBe("for b");
  });

  it("can be iterated once", async () => {
    await using opened = openChat();
    await using room = await opened.chat.join("lobby");
    readerOf(room);
    expect(() => room[Symbol.asyncIterator]()).toThrow("a room can be iterated once");
  });

  it("costs a slow consumer nothing but a place in the history", async () => {
    await using opened = openChat();
    await using room = await opened.chat.join("lobby");
    const big = numbers(1, 200).map((n) => n.padEnd(16 * 1024, "."));
    opened.server.say("lobby", ...big);
    // The acknowledgement comes after all of them, so none of them holds it up.
    const { sequence } = await room.send("mine");
    expect(sequence).toBe(201);
    expect(await readerOf(room).take(201)).toEqual([...big, "mine"]);
    expect(opened.server.pages).toBeGreaterThan(0);
  });
});

describe("joining", () => {
  it("fails with the server's refusal", async () => {
    await using opened = openChat();
    const metadata = { permission: "room.member" };
    opened.server.refuseJoin = () => new ServiceError("PERMISSION_DENIED", "members only", { metadata });
    await expect(opened.chat.join("secret")).rejects.toMatchObject({
      kind: "permission-denied",
      reason: "PERMISSION_DENIED",
      message: "members only",
      method: "streaming.v1.ChatService/Chat",
      attempts: [{}],
    });
    expect(opened.transport.liveCalls).toBe(0);
  });

  it("is tried again after a refusal that passes", async () => {
    await using opened = openChat();
    let refusals = 2;
    opened.server.refuseJoin = () =>
      refusals-- > 0 ? new ServiceError("BACKEND_UNAVAILABLE", "not yet", { retryAfterMs: 0 }) : undefined;
    await using room = await opened.chat.join("lobby");
    expect(room.attempts).toBe(3);
  });

  it("fails at once without a resume policy", async () => {
    await using opened = openChat({ refuse: true });
    await expect(opened.chat.join("lobby", { resume: false })).rejects.toMatchObject({ kind: "unavailable" });
  });

  it("can be given up, and so can the room", async () => {
    await using opened = openChat();
    await expect(opened.chat.join("lobby", { signal: AbortSignal.abort("no") })).rejects.toMatchObject({
      name: "AbortError",
      cause: "no",
    });
    const caller = new AbortController();
    const room = await opened.chat.join("lobby", { signal: caller.signal });
    const next = readerOf(room).next();
    caller.abort("enough");
    await expect(next).rejects.toMatchObject({ name: "AbortError", cause: "enough" });
    expect(await room.closed).toMatchObject({ type: "failed", error: { name: "AbortError" } });
    await eventually(() => expect(opened.transport.liveCalls).toBe(0));
  });

  it.each([
    [{ room: "" }, {}, "option 'room' is missing"],
    [{ room: "a", histroyLimit: 1 }, {}, "did you mean historyLimit?"],
    [{ room: "a", historyLimit: 1001 }, {}, "option 'historyLimit' is 1001, not 0 to 1000"],
    [{ room: "a", historyLimit: 1, after: { sequence: 1 } }, {}, "exclude each other"],
    [{ room: "a", after: { sequence: -1 } }, {}, "option 'after' is no position of a room"],
    [{ room: "a", after: 7 }, {}, "option 'after' is no position of a room"],
    [{ room: "a" }, { heartbeatMs: 10 }, "option 'heartbeatMs' is 10, not 1000 to 600000, or 0 for none"],
    [{ room: "a" }, { onMessage: 1 }, "unknown option 'onMessage'"],
  ])("refuses %j with %j", async (target, options, message) => {
    await using opened = openChat();
    await expect(opened.chat.join(target as never, options as never)).rejects.toThrow(message);
    expect(opened.faults.started).toBe(0);
  });
});
