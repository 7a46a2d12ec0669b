import { type ChatControl, ChatMessage, createTokenSigner, type PartialMessage } from "@millrace/shared-types";

import { MemoryEventLog } from "../adapters/memory/memory-event-log.js";
import { MemoryRecordStore } from "../adapters/memory/memory-record-store.js";
import { openEventFeed } from "../events/event-feed.js";
import { Positions } from "../events/positions.js";
import type { EventLog, LogEvent } from "../ports/event-log.js";
import type { RecordStore } from "../ports/record-store.js";
import { ManualClock } from "../testing/manual-clock.js";

import { type Chat, type ChatOptions, openChat } from "./chat-service.js";
import { sendMessage } from "./send-message.js";
import { contextOf } from "./test-call.test.support.js";
import { TestMember } from "./test-member.test.support.js";

/** The chat for a test, in memory, with a clock that the test moves. */
export interface ChatFixture extends AsyncDisposable {
  readonly chat: Chat;
  readonly clock: ManualClock;
  readonly log: EventLog;
  readonly records: RecordStore;
  /** A stream of this user; none: of an anonymous caller. */
  connect(user?: string): TestMember;
  /** A stream of this user that has sent `open`. */
  open(user: string, wants?: PartialMessage<OpenWishes>): TestMember;
  /** The chat as another process finds it over the same stores; this one must be over. */
  reopen(): Promise<ChatFixture>;
}

type OpenWishes = Extract<NonNullable<ChatControl["kind"]>, { $case: "open" }>["value"];

export interface ChatFixtureOptions extends Partial<ChatOptions> {
  readonly clock?: ManualClock;
}

const SIGNER = createTokenSigner(Buffer.alloc(32, 1));

/** Opens a {@link ChatFixture}. Without a limit of their rate, unless one is given. */
export async function openChatFixture(options: ChatFixtureOptions = {}): Promise<ChatFixture> {
  const { clock = new ManualClock(Date.UTC(2026, 0, 1)) } = options;
  const log = options.eventLog ?? new MemoryEventLog({ clock });
  const records = options.records ?? new MemoryRecordStore();
  const positions = new Positions(SIGNER, "c1", log.epoch);
  const feed = options.feed ?? (await openEventFeed({ log, positions, tailBytes: 1024 * 1024 }));
  const running = await openChat({
    clusterId: "c1",
    tokenSigner: SIGNER,
    ...options,
    clock,
    eventLog: log,
    feed,
    records,
    limits: { maxChatMessagesPerSecond: 1_000_000, ...options.limits },
  });
  const members: TestMember[] = [];
  const connect = (user = ""): TestMember => {
    const member = new TestMember(running, user);
    members.push(member);
    return member;
  };
  const close = async (): Promise<void> => {
    for (const member of members) await member[Symbol.asyncDispose]();
    await running[Symbol.asyncDispose]();
    await feed[Symbol.asyncDispose]();
  };
  return {
    chat: running,
    clock,
    log,
    records,
    connect,
    open(user, wants = {}) {
      const member = connect(user);
      member.control({ $case: "open", value: wants });
      return member;
    },
    async reopen() {
      await close();
      return openChatFixture({ ...options, clock, eventLog: log, records });
    },
    [Symbol.asyncDispose]: close,
  };
}

/** Has somebody say this in a room, one after the other. */
export async function say(
  { chat: deps }: ChatFixture,
  roomId: string,
  ...contents: readonly string[]
): Promise<ChatMessage[]> {
  const sent: ChatMessage[] = [];
  for (const content of contents) sent.push(await sendAs({ chat: deps }, "somebody", { roomId, content }));
  return sent;
}

/** Sends one message as this user. */
export async function sendAs(
  { chat: deps }: Pick<ChatFixture, "chat">,
  user: string,
  message: PartialMessage<ChatMessage>,
): Promise<ChatMessage> {
  const response = await sendMessage({ message: ChatMessage.fromPartial(message) }, contextOf(user), deps);
  if (response.message === undefined) throw new Error("no message in the answer");
  return response.message;
}

/** What is stored at a position of a room. */
export async function eventOf(
  { chat: { log, rooms } }: ChatFixture,
  roomId: string,
  revision: number,
): Promise<LogEvent | undefined> {
  using use = await rooms.use(roomId);
  const { events } = await log.read({ after: 0, streams: [use.room.stream], maxEvents: 10_000, maxBytes: 1e9 });
  return events.find((event) => event.revision === revision);
}
