import { setTimeout as sleep } from "node:timers/promises";

import { type ChatMessage, createClient, type StreamingClient } from "@millrace/client-sdk";
import { type FaultProxy, openFaultProxy, within } from "@millrace/client-sdk/testing";

import { TalkingMember } from "./chat-rooms/talking-member.js";
import { startServerProcess } from "./support/server-process.js";

/** Members who share a connection. */
const MEMBERS_PER_CLIENT = 10;

/** Every so manieth member comes late. */
const LATE = 5;
const LATE_MS = 1_000;

const MAX_PAUSE_MS = 3_000;
const CATCH_UP_MS = 120_000;

export interface ChatPlan {
  readonly dataDir: string;
  readonly rooms: number;
  readonly membersPerRoom: number;
  readonly messagesPerMember: number;
  readonly random: () => number;
}

export interface ChatReport {
  /** Acknowledged. */
  readonly messages: number;
  /** Heard by members, over all of them. */
  readonly heard: number;
  /** How often all connections were cut, and how often members joined. */
  readonly cuts: number;
  readonly joins: number;
  /** Messages that were acknowledged and are not in their room, or that are in a room more than once. */
  readonly lost: number;
  readonly duplicates: number;
  /** Members who did not hear exactly what their room holds, in its order. */
  readonly wrongMembers: number;
  /** Messages that were heard in another room than theirs. */
  readonly leaks: number;
}

/**
 * Lets members of several rooms talk while their connections are cut, and compares what each of them has heard with
 * what his room holds.
 */
export async function chatThroughCuts(plan: ChatPlan): Promise<ChatReport> {
  await using server = await startServerProcess({ dataDir: plan.dataDir, callers: "identified" });
  await using proxy = await openFaultProxy(server.port);
  await using stack = new AsyncDisposableStack();
  const connect = (target: string): StreamingClient => {
    const client = createClient({ target, resume: { backoff: { initialMs: 10, maxMs: 200 } } });
    return stack.adopt(client, (one) => one.close());
  };
  const members = membersOf(plan, () => connect(proxy.target));
  const cutter = startCutting(proxy, plan.random);
  await Promise.all(members.map((member, n) => talkInTime(member, n, plan.messagesPerMember)));
  const cuts = await cutter.stop();
  const stored = await storedIn(connect(server.target), plan);
  const caughtUp = members.map((member) => member.hasHeard(stored.get(member.room)?.length ?? 0));
  await within(Promise.all(caughtUp), "all members have heard everything", CATCH_UP_MS).catch(console.error);
  await Promise.all(members.map((member) => member.leave()));
  return { cuts, joins: sum(members.map(({ joins }) => joins)), ...compare(members, stored) };
}

function membersOf({ rooms, membersPerRoom }: ChatPlan, connect: () => StreamingClient): TalkingMember[] {
  const members: TalkingMember[] = [];
  let client: StreamingClient | undefined;
  for (let n = 0; n < rooms * membersPerRoom; n++) {
    if (client === undefined || n % MEMBERS_PER_CLIENT === 0) client = connect();
    members.push(new TalkingMember(client, roomName(n % rooms), `member-${String(n)}`));
  }
  return members;
}

async function talkInTime(member: TalkingMember, n: number, messages: number): Promise<void> {
  if (n % LATE === 0) await sleep(LATE_MS);
  await member.talk(messages);
}

function startCutting(proxy: FaultProxy, random: () => number): { stop(): Promise<number> } {
  const stopping = new AbortController();
  const cutting = (async () => {
    for (let cuts = 0; ; cuts++) {
      await sleep(random() * MAX_PAUSE_MS);
      if (stopping.signal.aborted) return cuts;
      proxy.cut();
    }
  })();
  return {
    stop() {
      stopping.abort();
      return cutting;
    },
  };
}

/** What each room holds. */
async function storedIn(client: StreamingClient, { rooms }: ChatPlan): Promise<Map<string, ChatMessage[]>> {
  const stored = new Map<string, ChatMessage[]>();
  for (let n = 0; n < rooms; n++) {
    const messages: ChatMessage[] = [];
    const history = client.chat.history(roomName(n), { headers: { "x-user": "reader" }, pageSize: 1000 });
    for await (const message of history) messages.push(message);
    stored.set(roomName(n), messages);
  }
  return stored;
}

function compare(
  members: readonly TalkingMember[],
  stored: ReadonlyMap<string, readonly ChatMessage[]>,
): Pick<ChatReport, "messages" | "heard" | "lost" | "duplicates" | "wrongMembers" | "leaks"> {
  const said = members.flatMap((member) => member.said);
  const kept = [...stored.values()].flat().map(({ content }) => content);
  const distinct = new Set(kept);
  return {
    messages: said.length,
    heard: sum(members.map(({ heard }) => heard.length)),
    lost: said.filter((content) => !distinct.has(content)).length,
    duplicates: kept.length - distinct.size,
    wrongMembers: members.filter(({ heard, room }) => !sameMessages(heard, stored.get(room) ?? [])).length,
    leaks: sum(members.map(({ heard, room }) => heard.filter(({ content }) => !content.startsWith(`${room} `)).length)),
  };
}

/** One for one, with sequences that are those of the room: 1, 2, 3… */
function sameMessages(heard: readonly ChatMessage[], stored: readonly ChatMessage[]): boolean {
  const isSame = ({ id, content, sequence }: ChatMessage, n: number): boolean =>
    sequence === n + 1 && id === stored[n]?.id && content === stored[n].content && sequence === stored[n].sequence;
  return heard.length === stored.length && heard.every(isSame);
}

const roomName = (n: number): string => `room-${String(n)}`;
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
