import { describe, expect, it } from "@jest/globals";
import { ChatMessage, encodeMessage } from "@millrace/shared-types";

import { MemoryEventLog } from "../adapters/memory/memory-event-log.js";
import { openEventFeed } from "../events/event-feed.js";
import { logWith } from "../events/events-fixture.test.support.js";
import { positionsOf } from "../events/feed-fixture.test.support.js";

import { openChatFixture } from "./chat-fixture.test.support.js";

describe("a member that does not read", () => {
  it("delays nobody, holds one run, and gets everything when it reads again", async () => {
    const memory = new MemoryEventLog();
    let reads = 0;
    const eventLog = logWith(memory, {
      read: async (options) => {
        if (options.streams?.length === 1 && options.maxEvents > 1) reads += 1;
        return memory.read(options);
      },
    });
    const feed = await openEventFeed({ log: eventLog, positions: positionsOf(memory), tailBytes: 64 * 1024 });
    await using fixture = await openChatFixture({ eventLog, feed });
    const [slow, fast, ann] = [
      fixture.connect("slow"),
      fixture.connect("fast"),
      fixture.open("ann", { noDefaultRoom: true, noEcho: true }),
    ];
    await Promise.all([slow.joined, fast.joined]);
    const release = slow.stall();
    const sent = Array.from({ length: 1000 }, (_, number) => `${String(number)} ${"x".repeat(1000)}`);
    for (const content of sent) ann.say(content);
    expect(await fast.texts(1000)).toEqual(sent);
    const readsOfStalled = reads;
    const bytesHeld = slow.received.reduce((sum, message) => sum + encodeMessage(ChatMessage, message).length, 0);
    expect(bytesHeld).toBeLessThan(2 * 64 * 1024);
    release();
    expect(await slow.texts(1000)).toEqual(sent);
    expect(reads).toBeGreaterThan(readsOfStalled + 10); // it read from storage, run by run
  });

  it("is not read from any more once its answers wait; the rest of what it said is taken when it reads them", async () => {
    await using fixture = await openChatFixture();
    const [slow, reader] = [fixture.open("slow", { acks: true, noEcho: true }), fixture.connect("reader")];
    await slow.untilControl("joined");
    await reader.joined;
    const release = slow.stall();
    for (let number = 0; number < 100; number += 1) slow.say(String(number));
    await reader.texts(17);
    release();
    await reader.texts(83);
    const acked: number[] = [];
    while (acked.length < 100) acked.push((await slow.untilControl("ack")).sequence);
    expect(acked).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
  });

  it("of one room gets its turn beside a busy one", async () => {
    await using fixture = await openChatFixture();
    const slow = fixture.open("slow", { noDefaultRoom: true });
    for (const roomId of ["busy", "quiet"]) slow.control({ $case: "join", value: {} }, roomId);
    await slow.untilControl("joined");
    await slow.untilControl("joined");
    const release = slow.stall();
    const ann = fixture.open("ann", { acks: true });
    for (let number = 0; number < 500; number += 1) ann.say(String(number), { roomId: "busy" });
    ann.say("quiet", { roomId: "quiet" });
    for (let number = 0; number < 501; number += 1) await ann.untilControl("ack");
    release();
    await slow.until(({ content }) => content === "499");
    const texts = slow.received.filter(({ control }) => control === undefined);
    expect(texts).toHaveLength(501);
    expect(texts.findIndex(({ roomId }) => roomId === "quiet")).toBeLessThan(200);
  });
});
