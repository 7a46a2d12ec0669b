import type { ChatMessage, ServiceError } from "@millrace/shared-types";

import { checkLimit } from "../events/check-limit.js";
import type { EventFeed } from "../events/feed.js";

import type { Caller } from "./caller.js";
import type { ChatClient } from "./chat-client.js";
import type { ChatDeps } from "./chat-deps.js";
import { controlMessage, errorMessage } from "./control-message.js";
import { Membership, type MembershipHost } from "./membership.js";
import type { Placing } from "./placing.js";
import { readMarkOf } from "./read-marks.js";
import type { NoticeKind, Room } from "./room.js";
import type { RoomUse } from "./rooms.js";

/** Rooms that one stream can be in. */
const MAX_ROOMS = 100;

/** The rooms that one stream is in. Disposing of them leaves all. */
export class StreamRooms implements MembershipHost, Disposable {
  readonly #client: ChatClient;
  readonly #deps: ChatDeps;
  readonly #memberships = new Map<string, Membership>();
  #isOver = false;

  constructor(client: ChatClient, deps: ChatDeps) {
    this.#client = client;
    this.#deps = deps;
  }

  get caller(): Caller {
    return this.#client.caller;
  }

  get feed(): EventFeed {
    return this.#deps.feed;
  }

  get isAware(): boolean {
    return this.#client.wants !== undefined;
  }

  get(roomId: string): Membership | undefined {
    return this.#memberships.get(roomId);
  }

  /**
   * Joins a room, at the place that `place` finds; one in which the stream is already is joined anew. A room that
   * does not exist is made.
   *
   * @throws ServiceError `PERMISSION_DENIED`, or `LIMIT_EXCEEDED` if these are too many rooms
   */
  async join(roomId: string, place: (room: Room) => Promise<Placing>): Promise<Membership> {
    const others = this.#memberships.has(roomId) ? this.#memberships.size - 1 : this.#memberships.size;
    checkLimit("room_id", "max_chat_rooms", MAX_ROOMS, others + 1);
    const use = await this.#deps.rooms.useOrMake(roomId, this.caller.id);
    try {
      use.room.checkJoin(this.caller);
      const placing = await place(use.room);
      const readMark = await this.#readMark(use.room);
      use.room.checkJoin(this.caller); // much may have happened meanwhile
      return this.#enter(use, placing, readMark);
    } catch (error) {
      use[Symbol.dispose]();
      throw error;
    }
  }

  leave(roomId: string): void {
    const membership = this.#memberships.get(roomId);
    if (membership === undefined) return;
    this.#memberships.delete(roomId);
    this.#client.outbox.forget(membership);
    membership[Symbol.dispose]();
  }

  /** Has everything handed over that is stored now; the result says whether that has been done. */
  async flush(): Promise<() => boolean> {
    const { lastSequence } = await this.#deps.log.range();
    for (const membership of this.#memberships.values()) membership.flush(lastSequence);
    return () => [...this.#memberships.values()].every(({ isFlushed }) => isFlushed);
  }

  notice(roomId: string, kind: NoticeKind, userId: string, message: ChatMessage): void {
    this.#client.notice(roomId, kind, userId, message);
  }

  onReadable(membership: Membership): void {
    this.#client.outbox.ready(membership);
  }

  onExpelled({ room: { roomId } }: Membership, error: ServiceError): void {
    this.leave(roomId);
    if (this.isAware) this.#client.outbox.put(errorMessage(error, roomId));
  }

  onFailed(reason: unknown): void {
    this.#client.outbox.fail(reason);
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    for (const roomId of [...this.#memberships.keys()]) this.leave(roomId);
  }

  #enter(use: RoomUse, { after: place, goesOn, extent, recovered }: Placing, readMark: number): Membership {
    if (this.#isOver) throw new Error("the stream is over");
    const { room } = use;
    const { firstRevision, newest } = extent;
    const before = goesOn === true ? this.#memberships.get(room.roomId)?.delivered : undefined;
    const after = before === undefined ? place : { ...before, revision: 0 };
    this.leave(room.roomId);
    const membership = new Membership(this, { use, after, newestRevision: newest.revision, readMark });
    this.#memberships.set(room.roomId, membership);
    if (this.#client.wants === undefined) return membership;
    const members = this.#client.wants.presence ? room.presence.members() : [];
    const value = {
      epoch: room.epoch,
      lastSequence: newest.revision,
      firstSequence: firstRevision,
      recovered,
      members,
    };
    this.#client.outbox.put(controlMessage({ $case: "joined", value }, { roomId: room.roomId }));
    return membership;
  }

  #readMark({ stream }: Room): Promise<number> {
    return this.caller.id === "" ? Promise.resolve(0) : readMarkOf(this.#deps.records, stream, this.caller.userId);
  }
}
