import { describe, expect, it } from "@jest/globals";

import { eventually } from "../testing/eventually.js";
import { numbers, openChat, readerOf } from "./open-chat.test.support.js";

describe("a room that ends", () => {
  it("is left by leaving its loop, which cancels the call", async () => {
    await using opened = openChat();
    const room = await opened.chat.join("lobby");
    opened.server.say("lobby", "1", "2");
    for await (const { content } of room) if (content === "1") break;
    expect(await room.closed).toEqual({ type: "cancelled" });
    await eventually(() => expect(opened.transport.liveCalls).toBe(0));
  });

  it("keeps what was sent before its loop was left", async () => {
    await using opened = openChat();
    const room = await opened.chat.join("lobby");
    opened.faults.stall();
    const sends = ["1", "2"].map((text) => room.send(text));
    void room[Symbol.asyncIterator]().return?.();
    await expect(room.send("late")).rejects.toMatchObject({ kind: "failed-precondition" });
    opened.faults.resume();
    expect((await Promise.all(sends)).map(({ sequence }) => sequence)).toEqual([1, 2]);
    expect(await room.closed).toEqual({ type: "cancelled" });
  });

  it("says goodbye when it is left, after everything was stored", async () => {
    await using opened = openChat();
    const room = await opened.chat.join("lobby");
    const sends = ["1", "2", "3"].map((text) => room.send(text));
    await room.leave();
    expect((await Promise.all(sends)).map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    expect(await room.closed).toEqual({ type: "completed" });
    expect(await readerOf(room).take(4)).toEqual(["1", "2", "3", "(end)"]);
    await expect(room.send("late")).rejects.toMatchObject({ kind: "cancelled" });
    expect(opened.transport.liveCalls).toBe(0);
  });

  it("still gives what was said before it was left, however much that is", async () => {
    await using opened = openChat();
    const room = await opened.chat.join("lobby");
    const big = numbers(1, 150).map((n) => n.padEnd(16 * 1024, "."));
    opened.server.say("lobby", ...big);
    await room.leave();
    expect(await room.closed).toEqual({ type: "completed" });
    const texts: string[] = [];
    for await (const { content } of room) texts.push(content);
    expect(texts).toEqual(big);
  });

  it("fails the loop of a consumer who cannot get the rest after that", async () => {
    const opened = openChat();
    const room = await opened.chat.join("lobby");
    opened.server.say("lobby", ...numbers(1, 150).map((n) => n.padEnd(16 * 1024, ".")));
    await room.leave();
    await opened[Symbol.asyncDispose]();
    const read = async (): Promise<void> => {
      for await (const { sequence } of room) expect(sequence).toBeLessThan(150);
    };
    await expect(read()).rejects.toMatchObject({ kind: "unavailable" });
  });

  it("is left by disposing of it, and that may be repeated", async () => {
    await using opened = openChat();
    const room = await opened.chat.join("lobby");
    await room[Symbol.asyncDispose]();
    await room.leave();
    expect(await room.closed).toEqual({ type: "completed" });
  });

  it("is left at once if there is no connection and nothing to send", async () => {
    await using opened = openChat();
    const room = await opened.chat.join("lobby");
    opened.faults.refuse();
    opened.faults.cut();
    await eventually(() => expect(room.attempts).toBeGreaterThan(1));
    await room.leave();
    expect(await room.closed).toEqual({ type: "completed" });
  });

  it("gives up what cannot be stored in the time that leaving may take", async () => {
    await using opened = openChat();
    const room = await opened.chat.join("lobby");
    opened.faults.stall();
    const sent = room.send("into the hole");
    await room.leave({ timeoutMs: 1 });
    await expect(sent).rejects.toMatchObject({ kind: "cancelled" });
    opened.faults.resume();
  });

  it("fails when the client is closed, with all that waits", async () => {
    const opened = openChat();
    const room = await opened.chat.join("lobby");
    opened.faults.stall();
    const sent = room.send("x");
    const next = readerOf(room).next();
    await opened[Symbol.asyncDispose]();
    await expect(sent).rejects.toMatchObject({ kind: "unavailable" });
    await expect(next).rejects.toMatchObject({ kind: "unavailable" });
    expect(await room.closed).toMatchObject({ type: "failed" });
  });

  it("fails when it is deleted, or its user put out", async () => {
    await using opened = openChat();
    const room = await opened.chat.join("lobby");
    const details = { code: 7, message: "you were removed", details: [] };
    opened.server.tell({ $case: "error", value: { clientMessageId: "", status: details } }, { roomId: "lobby" });
    await expect(readerOf(room).next()).rejects.toMatchObject({
      kind: "permission-denied",
      message: "you were removed",
    });
  });

  it("fails if a callback throws", async () => {
    await using opened = openChat();
    const room = await opened.chat.join("lobby", {
      onTyping() {
        throw new Error("oh");
      },
    });
    opened.server.tell({ $case: "typing", value: { active: true } }, { roomId: "lobby", userId: "u" });
    await expect(readerOf(room).next()).rejects.toMatchObject({ kind: "internal", cause: { message: "oh" } });
  });
});
