import { describe, expect, it } from "@jest/globals";
import { GapReason } from "@millrace/shared-types";

import { eventually } from "../testing/eventually.js";
import { randomFaults } from "../testing/fault-plan.js";
import { VirtualClock } from "../testing/virtual-clock.js";
import { numbers, openChat, readerOf } from "./open-chat.test.support.js";
import type { ChatGap } from "./types.js";

describe("a room whose connection is lost", () => {
  it.each(numbers(0, 23))("gives each message once and stores each once, if that is after %s messages", async (cut) => {
    let calls = 0;
    await using opened = openChat(({ path }) =>
      path.endsWith("/Chat") && calls++ === 0 ? { cutAfter: { messages: Number(cut) } } : undefined,
    );
    opened.server.say("lobby", "old");
    await using room = await opened.chat.join({ room: "lobby", historyLimit: 1 });
    const reader = readerOf(room);
    expect(await reader.next()).toBe("old");
    const received: string[] = [];
    for (const n of numbers(1, 5)) {
      opened.server.say("lobby", `theirs ${n}`);
      const { sequence } = await room.send(`mine ${n}`);
      expect(opened.server.room("lobby").messages[sequence - 1]?.content).toBe(`mine ${n}`);
      received.push(...(await reader.take(2)));
    }
    expect(received).toEqual(numbers(1, 5).flatMap((n) => [`theirs ${n}`, `mine ${n}`]));
    expect(opened.server.texts("lobby")).toEqual(["old", ...received]);
    expect(room.attempts).toBe(opened.faults.faults + 1);
  });

  it("gives each message once whatever happens to its calls", async () => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    console.log(`seed ${String(seed)}`);
    await using opened = openChat(randomFaults(seed, { probability: 0.8, maxMessages: 12 }));
    opened.server.maxJoinHistory = 5;
    await using room = await opened.chat.join("lobby");
    const reader = readerOf(room);
    const sends = numbers(1, 100).map((n) => room.send(`mine ${n}`));
    const receipts: Promise<unknown> = Promise.all(sends);
    for (const n of numbers(1, 100)) opened.server.say("lobby", `theirs ${n}`);
    expect(await reader.take(200)).toEqual(opened.server.texts("lobby"));
    await receipts;
    expect(opened.server.texts("lobby").filter((text) => text.startsWith("mine"))).toEqual(
      numbers(1, 100).map((n) => `mine ${n}`),
    );
  });

  it("goes on after a drain and a restart of the server", async () => {
    await using opened = openChat();
    await using room = await opened.chat.join("lobby");
    const reader = readerOf(room);
    await opened.transport.drain();
    opened.server.say("lobby", "meanwhile");
    const sent = room.send("later");
    opened.transport.restart();
    expect((await sent).sequence).toBe(2);
    expect(await reader.take(2)).toEqual(["meanwhile", "later"]);
  });

  it("joins again if the server just ends the call", async () => {
    await using opened = openChat();
    await using room = await opened.chat.join("lobby");
    opened.transport.disconnect();
    await room.send("again");
    expect(room.attempts).toBe(2);
  });

  it("drops what comes twice and fetches what does not come", async () => {
    await using opened = openChat();
    await using room = await opened.chat.join("lobby");
    const reader = readerOf(room);
    opened.server.tamper = (message) => (message.content === "lost" ? undefined : message);
    opened.server.say("lobby", "1", "lost", "3");
    expect(await reader.take(3)).toEqual(["1", "lost", "3"]);
    const [repeated] = opened.server.room("lobby").messages;
    opened.server.tell({ $case: "leave", value: {} }); // means nothing to a client
    opened.server.tamper = () => repeated;
    opened.server.say("lobby", "4");
    opened.server.tamper = (message) => message;
    opened.server.say("lobby", "5");
    expect(await reader.take(2)).toEqual(["4", "5"]);
  });

  it("fetches at once what the server says it has left out", async () => {
    await using opened = openChat();
    await using room = await opened.chat.join("lobby");
    opened.server.tamper = (message) => (message.content === "lost" ? undefined : message);
    opened.server.say("lobby", "lost");
    const value = { fromSequence: 1, toSequence: 1, droppedCount: 1, reason: GapReason.SLOW_CONSUMER };
    opened.server.tell({ $case: "stream", value: { kind: { $case: "gap", value } } });
    expect(await readerOf(room).next()).toBe("lost");
  });

  it("is noticed when the server is silent for longer than it said", async () => {
    const clock = new VirtualClock();
    let calls = 0;
    // After `open`, `join` and `joined` nothing comes through any more.
    await using opened = openChat(() => (calls++ === 0 ? { stallAfter: { messages: 3 } } : undefined), { clock });
    await using room = await opened.chat.join("lobby", { heartbeatMs: 1000 });
    expect(opened.server.heard[0]).toMatchObject({
      message: { control: { kind: { value: { acks: true, noDefaultRoom: true, heartbeatInterval: { seconds: 1 } } } } },
    });
    const sent = room.send("into the hole");
    await clock.untilPending(1);
    await clock.advance(2499);
    expect(room.attempts).toBe(1);
    await clock.advance(1);
    await clock.untilPending(1);
    await clock.advance(0);
    expect((await sent).sequence).toBe(1);
    expect(room.attempts).toBe(2);
  });
});

describe("messages that are lost", () => {
  it("fail a room whose position is no longer stored, and say what is", async () => {
    await using opened = openChat();
    opened.server.say("lobby", ...numbers(1, 9));
    opened.server.compact("lobby", 5);
    await expect(opened.chat.join({ room: "lobby", after: { sequence: 3, epoch: "e1" } })).rejects.toMatchObject({
      kind: "out-of-range",
      reason: "COMPACTED",
      details: { metadata: { first_sequence: "6" } },
      message: "messages 4 to 5 of room lobby are no longer stored",
    });
    await using room = await opened.chat.join({ room: "lobby", after: { sequence: 5, epoch: "e1" } });
    expect(await readerOf(room).take(4)).toEqual(numbers(6, 9));
  });

  it("are reported instead, if somebody wants to hear of them", async () => {
    await using opened = openChat();
    opened.server.say("lobby", ...numbers(1, 9));
    opened.server.compact("lobby", 5);
    const gaps: ChatGap[] = [];
    const onGap = (gap: ChatGap): unknown => gaps.push(gap);
    await using room = await opened.chat.join({ room: "lobby", after: { sequence: 3 } }, { onGap });
    const reader = readerOf(room);
    expect(await reader.take(4)).toEqual(numbers(6, 9));
    opened.faults.refuse();
    opened.faults.cut();
    opened.server.say("lobby", ...numbers(10, 19));
    opened.server.compact("lobby", 15);
    opened.faults.accept();
    expect(await reader.take(4)).toEqual(numbers(16, 19));
    const place = (sequence: number) => ({ sequence, epoch: "e1" });
    expect(gaps).toEqual([
      { reason: "COMPACTED", after: place(3), resumedAfter: place(5) },
      { reason: "COMPACTED", after: place(9), resumedAfter: place(15) },
    ]);
  });

  it("fail the loop after everything before them, when retention overtakes a slow consumer", async () => {
    await using opened = openChat();
    await using room = await opened.chat.join("lobby");
    opened.server.say("lobby", ...numbers(1, 200).map((n) => n.padEnd(16 * 1024, ".")));
    await room.send("mine");
    opened.server.compact("lobby", 150);
    const received: number[] = [];
    const read = async (): Promise<void> => {
      for await (const { sequence } of room) received.push(sequence);
    };
    await expect(read()).rejects.toMatchObject({
      reason: "COMPACTED",
      details: { metadata: { first_sequence: "151" } },
    });
    expect(received).toEqual(numbers(1, received.length).map(Number));
    expect(received.length).toBeGreaterThan(50);
    expect(await room.closed).toMatchObject({ type: "failed" });
  });

  it("are all of them when the history was built anew", async () => {
    await using opened = openChat();
    opened.server.say("lobby", "1", "2");
    await using room = await opened.chat.join({ room: "lobby", after: { sequence: 0 } });
    const reader = readerOf(room);
    await reader.take(2);
    opened.server.rooms.set("lobby", { epoch: "e2", compacted: 0, messages: [] });
    opened.faults.cut();
    await expect(reader.next()).rejects.toMatchObject({
      kind: "failed-precondition",
      reason: "EPOCH_CHANGED",
      details: { metadata: { epoch: "e2" } },
    });
    await expect(room.send("x")).rejects.toMatchObject({ reason: "EPOCH_CHANGED" });
  });

  it("lets the room go on with the new history, if that is reported", async () => {
    await using opened = openChat();
    opened.server.say("lobby", "1", "2");
    const gaps: ChatGap[] = [];
    await using room = await opened.chat.join(
      { room: "lobby", after: { sequence: 0 } },
      { onGap: (g) => gaps.push(g) },
    );
    const reader = readerOf(room);
    await reader.take(1);
    opened.faults.refuse();
    opened.faults.cut();
    opened.server.rooms.set("lobby", { epoch: "e2", compacted: 0, messages: [] });
    opened.server.say("lobby", "new 1");
    opened.faults.accept();
    await eventually(() => expect(gaps).toHaveLength(1));
    expect(await reader.next()).toBe("new 1");
    expect(gaps[0]).toMatchObject({ reason: "EPOCH_CHANGED", resumedAfter: { sequence: 0, epoch: "e2" } });
    expect(room.position).toEqual({ sequence: 0, epoch: "e2" });
  });

  it("are noticed when the room ends before the position", async () => {
    await using opened = openChat();
    opened.server.say("lobby", "1");
    await expect(opened.chat.join({ room: "lobby", after: { sequence: 7 } })).rejects.toMatchObject({
      reason: "FUTURE_POSITION",
      details: { metadata: { last_sequence: "1" } },
    });
  });
});
