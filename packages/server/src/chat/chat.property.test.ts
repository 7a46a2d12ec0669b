import { randomInt } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";

import { describe, expect, it } from "@jest/globals";

import { MemoryEventLog } from "../adapters/memory/memory-event-log.js";
import { openEventFeed } from "../events/event-feed.js";
import { positionsOf } from "../events/feed-fixture.test.support.js";

import { type ChatFixture, openChatFixture } from "./chat-fixture.test.support.js";
import type { TestMember } from "./test-member.test.support.js";

const ROOMS = ["general", "x", "y"];
const STEPS = 300;

/** Numbers in [0, below) that repeat with their seed. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A client that joins, leaves, is cut off and comes back, and goes on where it was. */
class Wanderer {
  /** Positions that it has got of each room, in order. */
  readonly seen: ReadonlyMap<string, number[]> = new Map(ROOMS.map((room) => [room, []]));
  readonly #fixture: ChatFixture;
  readonly #user: string;
  #stream: TestMember;
  readonly #wanted = new Set<string>();
  /** Joins that were not answered: what comes till then belongs to what was before. */
  #unanswered = new Map<string, number>();
  #looked = 0;

  constructor(fixture: ChatFixture, user: string) {
    this.#fixture = fixture;
    this.#user = user;
    this.#stream = this.#connect();
    for (const roomId of ROOMS) this.join(roomId);
  }

  join(roomId: string): void {
    this.#look();
    this.#wanted.add(roomId);
    this.#unanswered.set(roomId, (this.#unanswered.get(roomId) ?? 0) + 1);
    this.#stream.control({ $case: "join", value: { afterSequence: this.seen.get(roomId)?.at(-1) ?? 0 } }, roomId);
  }

  leave(roomId: string): void {
    this.#wanted.delete(roomId);
    this.#stream.control({ $case: "leave", value: {} }, roomId);
  }

  /** To a room that it is in: otherwise it would join that without its history. */
  say(roomId: string, content: string): void {
    if (this.#wanted.has(roomId)) this.#stream.say(content, { roomId });
  }

  stall(): () => void {
    return this.#stream.stall();
  }

  /** The connection is lost, or ends in order. */
  async reconnect(inOrder: boolean): Promise<void> {
    if (inOrder) this.#stream.halfClose();
    else this.#stream.abort();
    await this.#stream.ended.catch(() => {});
    this.#look();
    this.#stream = this.#connect();
    this.#unanswered = new Map();
    this.#looked = 0;
    for (const roomId of ROOMS) this.join(roomId);
  }

  async untilSeen(roomId: string, sequence: number): Promise<void> {
    while ((this.seen.get(roomId)?.at(-1) ?? 0) < sequence) {
      await this.#stream.next();
      this.#look();
    }
  }

  #connect(): TestMember {
    return this.#fixture.open(this.#user, { noDefaultRoom: true });
  }

  #look(): void {
    for (const { roomId, control, sequence } of this.#stream.received.slice(this.#looked)) {
      const kind = control?.kind;
      const unanswered = this.#unanswered.get(roomId) ?? 0;
      if (kind?.$case === "joined") {
        expect(kind.value.recovered).toBe(true);
        this.#unanswered.set(roomId, unanswered - 1);
      } else if (control === undefined && unanswered === 0) this.seen.get(roomId)?.push(sequence);
    }
    this.#looked = this.#stream.received.length;
  }
}

interface Wanderers {
  readonly wanderers: readonly Wanderer[];
  /** One that only reads the default room. */
  readonly listener: TestMember;
}

async function wander(fixture: ChatFixture, random: (below: number) => number): Promise<Wanderers> {
  const wanderers = Array.from({ length: 6 }, (_, number) => new Wanderer(fixture, `user-${String(number)}`));
  const listener = fixture.connect("listener");
  await listener.joined;
  const pick = <T>(items: readonly T[]): T => items[random(items.length)] as T;
  const releases: (() => void)[] = [];
  for (let step = 0; step < STEPS; step += 1) {
    const [wanderer, roomId, choice] = [pick(wanderers), pick(ROOMS), random(100)];
    if (choice < 70) wanderer.say(roomId, String(step));
    else if (choice < 80) wanderer.join(roomId);
    else if (choice < 85) wanderer.leave(roomId);
    else if (choice < 92) releases.push(wanderer.stall());
    else {
      for (const release of releases.splice(0)) release();
      await wanderer.reconnect(choice < 96);
    }
    if (random(3) === 0) await turn();
  }
  for (const release of releases) release();
  for (const wanderer of wanderers) await wanderer.reconnect(true);
  return { wanderers, listener };
}

async function expectEachOnce(fixture: ChatFixture, { wanderers, listener }: Wanderers): Promise<void> {
  for (const roomId of ROOMS) {
    using use = await fixture.chat.rooms.use(roomId);
    const { lastRevision } = await fixture.log.streamRange(use.room.stream);
    const all = Array.from({ length: lastRevision }, (_, index) => index + 1);
    for (const wanderer of wanderers) {
      await wanderer.untilSeen(roomId, lastRevision);
      expect(wanderer.seen.get(roomId)).toEqual(all);
    }
    if (roomId !== "general") continue;
    listener.halfClose();
    await listener.ended;
    expect(listener.received.map(({ sequence }) => sequence)).toEqual(all);
  }
}

describe("members who come and go", () => {
  it.each([1024 * 1024, 2000])(
    "see each message of their rooms once, in one order (%d bytes in memory)",
    async (tailBytes) => {
      for (let round = 0; round < 5; round += 1) {
        const seed = Number(process.env["CHAT_SEED"] ?? randomInt(2 ** 31));
        const eventLog = new MemoryEventLog();
        const feed = await openEventFeed({ log: eventLog, positions: positionsOf(eventLog), tailBytes });
        await using fixture = await openChatFixture({ eventLog, feed });
        try {
          await expectEachOnce(fixture, await wander(fixture, randomOf(seed)));
        } catch (error) {
          throw new Error(`with CHAT_SEED=${String(seed)}`, { cause: error });
        }
      }
    },
  );
});
