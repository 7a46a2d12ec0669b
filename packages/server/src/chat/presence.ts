import type { ChatMember } from "@millrace/shared-types";
import { timestampOfMs } from "@millrace/shared-types";

import type { Clock } from "../ports/clock.js";

/** A user whose last stream has gone is still there for this long, in milliseconds. */
const PRESENCE_GRACE_MS = 5000;

/** Users that a list of presence names at most. */
const MAX_LISTED_MEMBERS = 1000;

interface Present {
  connections: number;
  readonly sinceMs: number;
  readSequence: number;
  /** Prevents that the user goes. */
  stay: () => void;
}

/** Who is in a room. */
export class Presence {
  readonly #clock: Clock;
  readonly #onChange: (member: ChatMember, online: boolean) => void;
  readonly #users = new Map<string, Present>();

  /** @param onChange told when a user has come (first stream) or gone (last stream, after the grace) */
  constructor(clock: Clock, onChange: (member: ChatMember, online: boolean) => void) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** Users that are there. */
  get count(): number {
    return this.#users.size;
  }

  /** A stream of the user has come. `readSequence`: how far the user had read before, if that is known. */
  enter(userId: string, readSequence: number): void {
    const user = this.#users.get(userId);
    if (user === undefined) return this.#come(userId, readSequence);
    user.stay();
    user.connections += 1;
    user.readSequence = Math.max(user.readSequence, readSequence);
  }

  /** A stream of the user has gone. */
  leave(userId: string): void {
    const user = this.#users.get(userId);
    if (user === undefined) return;
    user.connections -= 1;
    if (user.connections === 0) user.stay = this.#clock.after(PRESENCE_GRACE_MS, () => this.#go(userId, user));
  }

  /** The user has read up to here. False if that was known. */
  read(userId: string, sequence: number): boolean {
    const user = this.#users.get(userId);
    if (user === undefined || user.readSequence >= sequence) return false;
    user.readSequence = sequence;
    return true;
  }

  /** The first users by the time at which they came. */
  members(): ChatMember[] {
    const members: ChatMember[] = [];
    for (const [userId, user] of this.#users) {
      if (members.push(toMember(userId, user)) === MAX_LISTED_MEMBERS) break;
    }
    return members;
  }

  /** Everybody is gone, without anybody being told. */
  clear(): void {
    for (const user of this.#users.values()) user.stay();
    this.#users.clear();
  }

  #come(userId: string, readSequence: number): void {
    const user = { connections: 1, sinceMs: this.#clock.now(), readSequence, stay: () => {} };
    this.#users.set(userId, user);
    this.#onChange(toMember(userId, user), true);
  }

  #go(userId: string, user: Present): void {
    this.#users.delete(userId);
    this.#onChange(toMember(userId, user), false);
  }
}

function toMember(userId: string, { connections, sinceMs, readSequence }: Present): ChatMember {
  return { userId, connections, onlineSince: timestampOfMs(sinceMs), readSequence };
}
