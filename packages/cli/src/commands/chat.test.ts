import { PassThrough } from "node:stream";

import { describe, expect, it } from "@jest/globals";
import {
  type ChatJoinOptions,
  type ChatMessage,
  InvalidArgumentError,
  NotFoundError,
  type OutgoingChatMessage,
  type StreamEnd,
} from "@millrace/client-sdk";

import { runCommand } from "../run-command.test.support.js";

/** A room that gives back what is said in it. */
class FakeRoom {
  readonly asked: unknown[] = [];
  readonly sent: string[] = [];
  readonly #closed = Promise.withResolvers<StreamEnd>();
  readonly #waiting: ChatMessage[] = [];
  #wake: () => void = () => {};
  #end: StreamEnd | undefined;
  options: ChatJoinOptions = {};

  readonly chat = {
    join: async (target: unknown, options: ChatJoinOptions) => {
      this.asked.push(target);
      this.options = options;
      options.signal?.addEventListener("abort", () => this.end({ type: "cancelled" }));
      return this;
    },
  } as never;

  get closed(): Promise<StreamEnd> {
    return this.#closed.promise;
  }

  async send(message: string | OutgoingChatMessage): Promise<void> {
    const { content, clientMessageId = "" } = typeof message === "string" ? { content: message } : message;
    if (content === "bad") throw new InvalidArgumentError("too bad");
    this.sent.push(content);
    this.say({ userId: "me", content, clientMessageId });
  }

  say(message: Partial<ChatMessage>): void {
    this.#waiting.push(someMessage(message));
    this.#wake();
  }

  end(end: StreamEnd): void {
    this.#end ??= end;
    this.#closed.resolve(this.#end);
    this.#wake();
  }

  async leave(): Promise<void> {
    this.end({ type: "completed" });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ChatMessage> {
    for (;;) {
      const message = this.#waiting.shift();
      if (message !== undefined) yield message;
      else if (this.#end?.type === "failed") throw this.#end.error;
      else if (this.#end !== undefined) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.leave();
  }
}

function someMessage(message: Partial<ChatMessage>): ChatMessage {
  return {
    id: "m1",
    room: "lobby",
    userId: "ann",
    content: "",
    time: new Date("2026-01-02T03:04:05.678Z"),
    sequence: 1,
    epoch: "e1",
    kind: "text",
    targetId: undefined,
    metadata: {},
    contentType: "text/plain",
    editedAt: undefined,
    redacted: false,
    attachments: [],
    clientMessageId: "",
    ...message,
  };
}

describe("millrace chat, in a pipe", () => {
  it("sends each line and prints what is said, to the end of the input", async () => {
    const room = new FakeRoom();
    room.say({ content: "old" });
    const args = ["chat", "lobby", "--history", "1"];
    const { code, stdout } = await runCommand(args, { chat: room.chat, input: "hi\n\nho\n" });
    expect(code).toBe(0);
    expect(stdout).toBe("2026-01-02T03:04:05Z  ann: old\n2026-01-02T03:04:05Z  me: hi\n2026-01-02T03:04:05Z  me: ho\n");
    expect(room.asked).toEqual([{ room: "lobby", historyLimit: 1 }]);
    expect(await room.closed).toEqual({ type: "completed" });
  });

  it("prints JSON, one message per line", async () => {
    const room = new FakeRoom();
    const { stdout } = await runCommand(["chat", "lobby", "--json"], { chat: room.chat, input: "hi" });
    expect(JSON.parse(stdout)).toMatchObject({ userId: "me", content: "hi", sequence: 1, epoch: "e1" });
  });

  it.each<[string, Partial<ChatMessage>]>([
    ["evil\\u{1b}[2J\\u{0a}", { content: "evil\u001B[2J\n" }],
    ["(changes m0) new", { kind: "edit", targetId: "m0", content: "new" }],
    ["(removes m0)", { kind: "redact", targetId: "m0" }],
    ["(+1 to m0)", { kind: "reaction", targetId: "m0", content: "+1" }],
    ["(takes +1 back from m0)", { kind: "reaction", targetId: "m0", content: "+1", metadata: { remove: "true" } }],
    ["(redacted)", { redacted: true }],
    ["see [file f1]", { content: "see", attachments: ["f1"] }],
  ])("shows as %s what that is", async (text, message) => {
    const room = new FakeRoom();
    room.say(message);
    const { stdout } = await runCommand(["chat", "lobby"], { chat: room.chat });
    expect(stdout).toBe(`2026-01-02T03:04:05Z  ann: ${text}\n`);
  });

  it("stops at the first line that is refused, and still prints what is there", async () => {
    const room = new FakeRoom();
    const { code, stdout, stderr } = await runCommand(["chat", "lobby"], { chat: room.chat, input: "1\nbad\n3\n" });
    expect(code).toBe(1);
    expect(stderr).toBe("millrace: INVALID_ARGUMENT: too bad\n");
    expect(stdout).toContain("me: 1\n");
    expect(room.sent).toEqual(["1"]);
  });

  it("fails as the room does, also while it waits for input", async () => {
    const room = new FakeRoom();
    const running = runCommand(["chat", "lobby"], { chat: room.chat, input: new PassThrough() });
    room.end({ type: "failed", error: new NotFoundError("deleted") });
    expect(await running).toMatchObject({ code: 1, stderr: "millrace: NOT_FOUND: deleted\n" });
  });

  it("ends well at Ctrl-C", async () => {
    const room = new FakeRoom();
    const interrupt = new AbortController();
    const input = new PassThrough();
    const running = runCommand(["chat", "lobby"], { chat: room.chat, input, signal: interrupt.signal });
    interrupt.abort();
    expect(await running).toMatchObject({ code: 0, stderr: "" });
  });
});

describe("millrace chat, at a screen", () => {
  /** Types `keys`, one after the other, each when the screen shows what is before it. */
  async function typing(room: FakeRoom, ...steps: readonly (readonly [shows: string, keys: string])[]) {
    const [input, screen] = [new PassThrough(), new PassThrough()];
    let shown = "";
    let seen = 0;
    const rest = [...steps];
    screen.on("data", (data: Buffer) => {
      shown += data.toString();
      const [step] = rest;
      const at = step === undefined ? -1 : shown.indexOf(step[0], seen);
      if (step === undefined || at < 0) return;
      seen = at + step[0].length;
      rest.shift();
      setImmediate(() => input.write(step[1]));
    });
    const run = await runCommand(["chat", "lobby"], { chat: room.chat, input, screen });
    return { ...run, shown };
  }

  it("sends what is typed, does not repeat it, and ends at Ctrl-D", async () => {
    const room = new FakeRoom();
    const { code, shown, stdout } = await typing(room, ["lobby> ", "hello\r"], ["hello\r\n", "\u0004"]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    expect(room.sent).toEqual(["hello"]);
    expect(shown).not.toContain("me: hello");
  });

  it("goes back in the history", async () => {
    const room = new FakeRoom();
    await typing(room, ["lobby> ", "again\r"], ["again\r\n", "\u001B[A\r"], ["again", "\u0004"]);
    expect(room.sent).toEqual(["again", "again"]);
  });

  it("shows what others say above the line that is typed", async () => {
    const room = new FakeRoom();
    room.say({ content: "first" });
    const { shown } = await typing(room, ["ann: first\n", "half"], ["half", "\u0003"]);
    expect(shown).toContain("2026-01-02T03:04:05Z  ann: first\n");
    expect(shown.lastIndexOf("lobby> ")).toBeGreaterThan(shown.indexOf("ann: first"));
    expect(room.sent).toEqual([]);
  });

  it("tells who comes and goes, and what is refused, and goes on", async () => {
    const room = new FakeRoom();
    const member = { userId: "bob\u001B", connections: 1, onlineSince: undefined, readSequence: 0 };
    const running = typing(room, ["lobby> ", "bad\r"], ["too bad", "good\r"], ["* bob", "\u0004"]);
    const { send } = room;
    room.send = async (message) => {
      await send.call(room, message);
      room.options.onPresence?.({ member, online: true });
    };
    const { code, shown } = await running;
    expect(code).toBe(0);
    expect(shown).toContain("millrace: INVALID_ARGUMENT: too bad\n");
    expect(shown).toContain("* bob\\u{1b} came\n");
    expect(room.sent).toEqual(["good"]);
  });

  it("ends when the room does", async () => {
    const room = new FakeRoom();
    const running = typing(room);
    room.end({ type: "failed", error: new NotFoundError("deleted") });
    expect(await running).toMatchObject({ code: 1, stderr: "millrace: NOT_FOUND: deleted\n" });
  });
});
