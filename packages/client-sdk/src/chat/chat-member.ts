import { type ChatMember as WireChatMember, type ChatPresence as WirePresence, toDate } from "@millrace/shared-types";

import { present } from "../files/file-info.js";
import type { ChatMember, ChatPresenceChange } from "./types.js";

/** The public form of a member. */
export function toChatMember({ userId, connections, onlineSince, readSequence }: WireChatMember): ChatMember {
  return { userId, connections, onlineSince: onlineSince && toDate(onlineSince), readSequence };
}

/** Who is in a room, as far as the server has told. */
export class RoomMembers {
  readonly #members = new Map<string, ChatMember>();
  #isKnown = false;

  get view(): ReadonlyMap<string, ChatMember> {
    return this.#members;
  }

  /** Joined: these are there now. Returns what has changed since the room was joined before. */
  replace(members: readonly WireChatMember[]): readonly ChatPresenceChange[] {
    const now = new Map(members.map((member) => [member.userId, toChatMember(member)]));
    const gone = [...this.#members.values()].filter(({ userId }) => !now.has(userId));
    const come = [...now.values()].filter(({ userId }) => !this.#members.has(userId));
    this.#members.clear();
    for (const member of now.values()) this.#members.set(member.userId, member);
    if (!this.#isKnown) {
      this.#isKnown = true;
      return [];
    }
    return [
      ...gone.map((member) => ({ member: { ...member, connections: 0 }, online: false })),
      ...come.map((member) => ({ member, online: true })),
    ];
  }

  /** Somebody came or went. */
  apply({ member: told, online }: WirePresence): ChatPresenceChange {
    const member = toChatMember(present(told, "presence.member"));
    if (online) this.#members.set(member.userId, member);
    else this.#members.delete(member.userId);
    return { member, online };
  }

  /** Somebody has read up to a message. */
  read(userId: string, readSequence: number): void {
    const member = this.#members.get(userId);
    if (member !== undefined) this.#members.set(userId, { ...member, readSequence });
  }
}
