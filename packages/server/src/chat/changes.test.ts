import { describe, expect, it } from "@jest/globals";
import { type ChatMessage, ChatMessageKind, ListMessagesRequest, type PartialMessage } from "@millrace/shared-types";

import { MemoryEventLog } from "../adapters/memory/memory-event-log.js";
import { MemoryRecordStore } from "../adapters/memory/memory-record-store.js";
import { logWith } from "../events/events-fixture.test.support.js";
import type { Mutation } from "../ports/record-store.js";
import { ManualClock } from "../testing/manual-clock.js";

import { type ChatFixture, openChatFixture, say, sendAs } from "./chat-fixture.test.support.js";
import { contextOf } from "./test-call.test.support.js";
import { listMessages } from "./list-messages.js";
import { sweep } from "./upkeep.js";

const { EDIT, REDACT, REACTION, TEXT } = ChatMessageKind;

/** The history of "x". */
async function historyOf({ chat }: ChatFixture): Promise<ChatMessage[]> {
  return (await listMessages(ListMessagesRequest.fromPartial({ roomId: "x" }), contextOf("reader"), chat)).messages;
}

/** What a member that joins "x" now gets of it. */
async function joinOf(fixture: ChatFixture): Promise<ChatMessage[]> {
  const member = fixture.open("reader", { noDefaultRoom: true });
  member.control({ $case: "join", value: { afterSequence: 0 } }, "x");
  member.halfClose();
  await member.ended;
  return member.received.filter(({ control }) => control === undefined);
}

function edit(
  target: ChatMessage | undefined,
  content: string,
  fields: PartialMessage<ChatMessage> = {},
): PartialMessage<ChatMessage> {
  return { roomId: "x", kind: EDIT, targetMessageId: target?.messageId ?? "", content, ...fields };
}

function redact(
  target: ChatMessage | undefined,
  fields: PartialMessage<ChatMessage> = {},
): PartialMessage<ChatMessage> {
  return { roomId: "x", kind: REDACT, targetMessageId: target?.messageId ?? "", ...fields };
}

describe("an edit", () => {
  it("is in the history, and so is what it has made of its target; the last one counts", async () => {
    await using fixture = await openChatFixture();
    const text = await sendAs(fixture, "ann", {
      roomId: "x",
      content: "frist",
      attachments: ["f"],
      metadata: new Map([["a", "b"]]),
    });
    fixture.clock.advance(1000);
    await sendAs(fixture, "ann", edit(text, "first"));
    fixture.clock.advance(1000);
    await sendAs(fixture, "ann", edit(text, "<b>first</b>", { contentType: "text/html" }));
    const seconds = Date.UTC(2026, 0, 1) / 1000;
    for (const messages of [await historyOf(fixture), await joinOf(fixture)]) {
      expect(messages).toMatchObject([
        {
          sequence: 1,
          kind: TEXT,
          content: "<b>first</b>",
          contentType: "text/html",
          attachments: ["f"],
          metadata: new Map([["a", "b"]]),
          timestamp: { seconds },
          editTime: { seconds: seconds + 2 },
        },
        { sequence: 2, kind: EDIT, content: "first", editTime: undefined },
        { sequence: 3, kind: EDIT, content: "<b>first</b>" },
      ]);
    }
  });

  it("can be made by the author only, of a text that exists", async () => {
    await using fixture = await openChatFixture();
    const [text] = await say(fixture, "x", "text");
    const reaction = await sendAs(fixture, "ann", {
      roomId: "x",
      kind: REACTION,
      content: "+1",
      targetMessageId: text?.messageId ?? "",
    });
    await expect(sendAs(fixture, "ann", edit(text, "mine"))).rejects.toMatchObject({ reason: "PERMISSION_DENIED" });
    await expect(sendAs(fixture, "ann", redact(text))).rejects.toMatchObject({ reason: "PERMISSION_DENIED" });
    await expect(sendAs(fixture, "ann", edit(reaction, "-1"))).rejects.toMatchObject({ reason: "INVALID_FIELD" });
    await expect(
      sendAs(fixture, "somebody", edit({ ...text, messageId: "other" } as ChatMessage, "x")),
    ).rejects.toMatchObject({ reason: "RESOURCE_NOT_FOUND" });
    await expect(sendAs(fixture, "somebody", { ...edit(text, "x"), roomId: "y" })).rejects.toMatchObject({
      reason: "RESOURCE_NOT_FOUND",
    });
    for (const wrong of [
      edit(undefined, "x"),
      edit(text, ""),
      edit(text, "x", { attachments: ["f"] }),
      redact(text, { content: "why" }),
    ]) {
      await expect(sendAs(fixture, "somebody", wrong)).rejects.toMatchObject({ reason: "INVALID_FIELD" });
    }
    expect((await historyOf(fixture)).map(({ content }) => content)).toEqual(["text", "+1"]);
  });

  it("that comes twice is stored once", async () => {
    await using fixture = await openChatFixture();
    const [text] = await say(fixture, "x", "text");
    const first = await sendAs(fixture, "somebody", edit(text, "better", { clientMessageId: "c" }));
    const second = await sendAs(fixture, "somebody", edit(text, "best", { clientMessageId: "c" }));
    expect(second).toEqual(first);
    expect((await historyOf(fixture)).map(({ content }) => content)).toEqual(["better", "better"]);
  });

  it("with the id of a message that is none changes nothing", async () => {
    await using fixture = await openChatFixture();
    const [text] = await say(fixture, "x", "text");
    const answer = await sendAs(fixture, "somebody", {
      roomId: "x",
      content: "answer",
      targetMessageId: text?.messageId ?? "",
      clientMessageId: "c",
    });
    expect(await sendAs(fixture, "somebody", edit(text, "better", { clientMessageId: "c" }))).toEqual(answer);
    expect((await historyOf(fixture)).map(({ content }) => content)).toEqual(["text", "answer"]);
  });
});

describe("a redaction", () => {
  it("takes the content away for good: from the text, and from what its edits had made of it", async () => {
    await using fixture = await openChatFixture();
    const text = await sendAs(fixture, "ann", {
      roomId: "x",
      content: "secret",
      attachments: ["f"],
      contentType: "text/secret",
      metadata: new Map([["secret", "secret"]]),
    });
    await sendAs(fixture, "ann", edit(text, "secret too", { metadata: new Map([["secret", "secret"]]) }));
    await sendAs(fixture, "ben", { roomId: "x", content: "answer", targetMessageId: text.messageId });
    await sendAs(fixture, "ann", redact(text));
    await expect(sendAs(fixture, "ann", edit(text, "back again"))).rejects.toMatchObject({
      reason: "RESOURCE_NOT_FOUND",
    });
    await using later = await fixture.reopen();
    for (const messages of [await historyOf(later), await joinOf(later)]) {
      expect(
        messages.map(({ kind, content, redacted, metadata, attachments, contentType }) => [
          kind,
          content,
          redacted,
          metadata.size,
          attachments,
          contentType,
        ]),
      ).toEqual([
        [TEXT, "", true, 0, [], ""],
        [EDIT, "", true, 0, [], ""],
        [TEXT, "answer", false, 0, [], ""],
        [REDACT, "", false, 0, [], ""],
      ]);
    }
  });

  it("is seen by a member that was too slow to have read the text", async () => {
    await using fixture = await openChatFixture();
    const [slow, seed] = [fixture.open("slow"), fixture.connect()];
    await slow.untilControl("joined");
    await seed.joined;
    const releases = [slow.stall(), seed.stall()];
    const first = await sendAs(fixture, "ann", { content: "one to fill the pipe" });
    await Promise.all([slow.texts(1), seed.texts(1)]);
    const text = await sendAs(fixture, "ann", { content: "secret" });
    await sendAs(fixture, "ann", { kind: REDACT, targetMessageId: text.messageId });
    for (const release of releases) release();
    await slow.until(({ kind }) => kind === REDACT);
    await sendAs(fixture, "ann", { content: "last" });
    await seed.until(({ content }) => content === "last");
    for (const { received } of [slow, seed]) {
      expect(received.find(({ messageId }) => messageId === text.messageId)).toMatchObject({
        content: "",
        redacted: true,
      });
      expect(received.find(({ messageId }) => messageId === first.messageId)).toMatchObject({ redacted: false });
    }
  });

  it("counts more than an edit that is stored after it", async () => {
    await using fixture = await openChatFixture();
    const [text] = await say(fixture, "x", "secret");
    await Promise.all([
      sendAs(fixture, "somebody", redact(text)),
      sendAs(fixture, "somebody", edit(text, "secret too")),
    ]);
    expect((await historyOf(fixture)).map(({ content }) => content)).toEqual(["", "", ""]);
  });

  it("that was sent again is answered as the first time", async () => {
    await using fixture = await openChatFixture();
    const [text] = await say(fixture, "x", "secret");
    const first = await sendAs(fixture, "somebody", redact(text, { clientMessageId: "c" }));
    expect(await sendAs(fixture, "somebody", redact(text, { clientMessageId: "c" }))).toEqual(first);
  });
});

/** Stores of which one fails once, at the `nth` write after `arm`. */
function failingStores(nth: number): {
  readonly log: MemoryEventLog;
  readonly records: MemoryRecordStore;
  arm(): void;
} {
  const clock = new ManualClock(0);
  const log = new MemoryEventLog({ clock });
  const records = new MemoryRecordStore();
  let left = Infinity;
  const mayFail = (): void => {
    left -= 1;
    if (left === 0) throw new Error("the power is gone");
  };
  return {
    log: logWith(log, {
      append: async (append) => {
        mayFail();
        return log.append(append);
      },
    }) as MemoryEventLog,
    records: Object.assign(records, {
      commit: async (mutations: readonly Mutation[]) => {
        mayFail();
        return MemoryRecordStore.prototype.commit.call(records, mutations);
      },
    }),
    arm: () => void (left = nth),
  };
}

describe("a crash while a change is being stored", () => {
  it.each([
    ["before anything is stored", 1, ["secret"]],
    ["before the log has it", 2, ["", ""]],
    ["before its effect is stored", 3, ["", ""]],
  ] as const)("%s leaves all of it or nothing", async (_when, nth, after) => {
    const { log, records, arm } = failingStores(nth);
    await using fixture = await openChatFixture({ eventLog: log, records });
    const [text] = await say(fixture, "x", "secret");
    arm();
    await expect(sendAs(fixture, "somebody", redact(text))).rejects.toThrow("the power is gone");
    await using later = await fixture.reopen();
    await sweep(later.chat);
    expect((await historyOf(later)).map(({ content }) => content)).toEqual(after);
    await sweep(later.chat);
    expect(await historyOf(later)).toHaveLength(after.length);
  });

  it("does not bring an older edit back when it is made good", async () => {
    const { log, records, arm } = failingStores(3);
    await using fixture = await openChatFixture({ eventLog: log, records });
    const [text] = await say(fixture, "x", "text");
    arm();
    await expect(sendAs(fixture, "somebody", edit(text, "older"))).rejects.toThrow("the power is gone");
    await sendAs(fixture, "somebody", edit(text, "newer"));
    await sweep(fixture.chat);
    expect((await historyOf(fixture)).map(({ content }) => content)).toEqual(["newer", "older", "newer"]);
    expect(await records.scan("chatpending", { limit: 1 })).toEqual([]);
  });

  it("is made good by the client that sends again, too", async () => {
    const { log, records, arm } = failingStores(3);
    await using fixture = await openChatFixture({ eventLog: log, records });
    const [text] = await say(fixture, "x", "secret");
    arm();
    await expect(sendAs(fixture, "somebody", redact(text, { clientMessageId: "c" }))).rejects.toThrow(
      "the power is gone",
    );
    await sendAs(fixture, "somebody", redact(text, { clientMessageId: "c" }));
    expect((await historyOf(fixture)).map(({ content }) => content)).toEqual(["", ""]);
  });
});
