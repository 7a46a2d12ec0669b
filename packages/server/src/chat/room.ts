import type { ChatMember, ChatMessage, ServiceError } from "@millrace/shared-types";

import type { Caller } from "./caller.js";
import type { ChatStores } from "./chat-deps.js";
import { controlMessage } from "./control-message.js";
import { Presence } from "./presence.js";
import { putReadMark } from "./read-marks.js";
import { RoomHistory } from "./room-history.js";
import { RoomMessages } from "./room-messages.js";
import { epochOf, mayJoin, notAMember, roomNotFound, type RoomRecord, streamOf } from "./room-record.js";
import { Throttle } from "./throttle.js";

/** What members tell each other besides messages. */
export type NoticeKind = "presence" | "typing" | "receipt";

/** A stream that is in a room. */
export interface RoomMember {
  readonly caller: Caller;
  /** Something about `userId`. A newer notice of this kind about this user takes the place of this one. */
  notice(kind: NoticeKind, userId: string, message: ChatMessage): void;
  /** The stream is no longer in the room: it has lost its place, or there is no such room any more. */
  expel(error: ServiceError): void;
}

/** Typing notices and receipts of one user are passed on at most this often, in milliseconds. */
const NOTICE_PERIOD_MS = 1000;

interface From<T> {
  readonly member: RoomMember;
  readonly value: T;
}

/** A room that somebody is using: its members and what they tell each other. Its messages are in the log. */
export class Room {
  readonly roomId: string;
  readonly stream: string;
  readonly epoch: string;
  readonly history: RoomHistory;
  readonly messages: RoomMessages;
  readonly presence: Presence;
  /** Ids of the edits and redactions that are being stored. */
  readonly changing: Set<string> = new Set();
  readonly #stores: ChatStores;
  readonly #onIdle: (room: Room) => void;
  readonly #members = new Set<RoomMember>();
  readonly #typing: Throttle<From<boolean>>;
  readonly #reading: Throttle<From<number>>;
  /** Users that are typing, each with the stream that said so. */
  readonly #typists = new Map<string, RoomMember>();
  /** Messages and read marks that are being stored. */
  readonly #storing = new Set<Promise<unknown>>();
  #record: RoomRecord;
  #users = 0;
  #removed = false;

  /** @param onIdle told when nobody uses the room or is present in it */
  constructor(record: RoomRecord, stores: ChatStores, onIdle: (room: Room) => void) {
    const { clock, log, records } = stores;
    this.#record = record;
    this.#stores = stores;
    this.#onIdle = onIdle;
    this.roomId = record.roomId;
    this.stream = streamOf(record);
    this.epoch = epochOf(log, record);
    this.history = new RoomHistory(stores, this.stream, record.retentionMs);
    this.messages = new RoomMessages(records, this.roomId, this.stream);
    this.presence = new Presence(clock, (member, online) => this.#onPresence(member, online));
    this.#typing = new Throttle(clock, NOTICE_PERIOD_MS, (userId, from) => this.#tellTyping(userId, from));
    this.#reading = new Throttle(clock, NOTICE_PERIOD_MS, (userId, from) => this.#tellRead(userId, from));
  }

  get record(): RoomRecord {
    return this.#record;
  }

  /** The room is there, and its messages are told apart, until the result is disposed of. */
  use(): Disposable {
    this.#users += 1;
    return {
      [Symbol.dispose]: () => {
        this.#users -= 1;
        this.#checkIdle();
      },
    };
  }

  /** @throws ServiceError `PERMISSION_DENIED`, or `RESOURCE_NOT_FOUND` if the room was deleted meanwhile */
  checkJoin({ id }: Caller): void {
    if (this.#removed) throw roomNotFound(this.roomId);
    if (!mayJoin(this.#record, id)) throw notAMember(this.roomId);
  }

  enter(member: RoomMember, readMark: number): void {
    this.presence.enter(member.caller.userId, readMark);
    this.#members.add(member);
  }

  leave(member: RoomMember): void {
    if (!this.#members.delete(member)) return;
    const { userId } = member.caller;
    if (this.#typists.get(userId) === member) this.typing(member, false);
    this.#typing.flush(userId);
    this.#reading.flush(userId);
    this.presence.leave(userId);
  }

  typing(member: RoomMember, active: boolean): void {
    const { userId } = member.caller;
    if (active) this.#typists.set(userId, member);
    else this.#typists.delete(userId);
    this.#typing.offer(userId, { member, value: active });
  }

  /** The member's user has read up to `sequence`, a position in the room. */
  read(member: RoomMember, sequence: number): void {
    if (this.presence.read(member.caller.userId, sequence))
      this.#reading.offer(member.caller.userId, { member, value: sequence });
  }

  /** Does `work`, which stores something: a room that is deleted waits for it. */
  async storing<T>(work: () => Promise<T>): Promise<T> {
    if (this.#removed) throw roomNotFound(this.roomId);
    const storing = work();
    this.#storing.add(storing);
    try {
      return await storing;
    } finally {
      this.#storing.delete(storing);
    }
  }

  /** The room is described anew: streams of those who may no longer join leave it. */
  update(record: RoomRecord): void {
    this.#record = record;
    this.#expel(({ caller }) => !mayJoin(record, caller.id), notAMember(this.roomId));
  }

  /** The room is deleted: all leave it, and nothing more is stored. Resolves when what was being stored is. */
  async remove(): Promise<void> {
    this.#removed = true;
    this.#expel(() => true, roomNotFound(this.roomId));
    await this.close();
  }

  /** Stops timers, and waits for what is being stored. */
  async close(): Promise<void> {
    this.#typing.flushAll();
    this.#reading.flushAll();
    this.presence.clear();
    await Promise.allSettled([...this.#storing]);
  }

  #expel(whom: (member: RoomMember) => boolean, error: ServiceError): void {
    for (const member of [...this.#members].filter(whom)) member.expel(error);
  }

  #onPresence(member: ChatMember, online: boolean): void {
    const message = controlMessage({ $case: "presence", value: { member, online } }, { roomId: this.roomId });
    this.#tell("presence", member.userId, message);
    this.#checkIdle();
  }

  #tellTyping(userId: string, { member, value: active }: From<boolean>): void {
    const message = controlMessage({ $case: "typing", value: { active } }, { roomId: this.roomId, userId });
    this.#tell("typing", userId, message, member);
  }

  #tellRead(userId: string, { member, value: sequence }: From<number>): void {
    const message = controlMessage({ $case: "receipt", value: { sequence } }, { roomId: this.roomId, userId });
    this.#tell("receipt", userId, message, member);
    if (member.caller.id !== "") this.#keepReadMark(userId, sequence);
  }

  /** Best effort: nobody was told that it is stored. */
  #keepReadMark(userId: string, sequence: number): void {
    const { records, logger } = this.#stores;
    this.storing(() => records.commit([putReadMark(this.stream, userId, sequence)])).catch((err: unknown) => {
      if (!this.#removed) logger.warn({ err, roomId: this.roomId }, "a read mark could not be stored");
    });
  }

  #tell(kind: NoticeKind, userId: string, message: ChatMessage, except?: RoomMember): void {
    for (const member of this.#members) if (member !== except) member.notice(kind, userId, message);
  }

  #checkIdle(): void {
    if (this.#users === 0 && this.presence.count === 0) this.#onIdle(this);
  }
}
