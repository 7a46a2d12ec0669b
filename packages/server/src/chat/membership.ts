import type { ChatMessage, ServiceError } from "@millrace/shared-types";
import { ChatMessage as ChatMessageType, encodeMessage, GapReason } from "@millrace/shared-types";

import type { EventFeed, FeedCursor } from "../events/feed.js";
import type { LogEvent } from "../ports/event-log.js";

import type { Caller } from "./caller.js";
import { controlMessage } from "./control-message.js";
import { TEXT_TYPE } from "./message-draft.js";
import type { MessageSource } from "./outbox.js";
import type { NoticeKind, Room, RoomMember } from "./room.js";
import type { Place } from "./room-history.js";
import type { ShownMessage } from "./room-messages.js";
import type { RoomUse } from "./rooms.js";

/** What a member holds of a room at a time. */
const RUN = { maxEvents: 64, maxBytes: 64 * 1024 };

/** Messages of a stream's own that it does not want back and that have not come by yet: beyond that they come back. */
const MAX_UNSEEN_OWN = 1000;

/** Why a wait began anew. */
const LOOK_AGAIN = new Error("look again");

/** The stream that a membership belongs to. */
export interface MembershipHost {
  readonly caller: Caller;
  readonly feed: EventFeed;
  /** The client knows more than texts. */
  readonly isAware: boolean;
  notice(roomId: string, kind: NoticeKind, userId: string, message: ChatMessage): void;
  /** There are messages to read. */
  onReadable(membership: Membership): void;
  onExpelled(membership: Membership, error: ServiceError): void;
  onFailed(reason: unknown): void;
}

export interface MembershipOptions {
  readonly use: RoomUse;
  readonly after: Place;
  /** Newest position in the room when the stream joined. */
  readonly newestRevision: number;
  /** How far the user has read, as far as that is known. */
  readonly readMark: number;
}

/** The place of one stream in one room. Disposing of it leaves the room. */
export class Membership implements RoomMember, MessageSource, Disposable {
  readonly #host: MembershipHost;
  readonly #use: RoomUse;
  readonly #cursor: FeedCursor;
  /** It reads all kinds of messages, so that it sees where one is missing. */
  readonly #seesAll: boolean;
  readonly #unseenOwn = new Set<string>();
  #delivered: Place;
  #newestRevision: number;
  #waiting = new AbortController();
  #reach = Infinity;
  #hasLeft = false;

  constructor(host: MembershipHost, { use, after, newestRevision, readMark }: MembershipOptions) {
    this.#host = host;
    this.#use = use;
    this.#delivered = after;
    this.#newestRevision = newestRevision;
    this.#seesAll = host.isAware;
    const types = this.#seesAll ? [] : [TEXT_TYPE];
    this.#cursor = host.feed.open({ types, streams: [use.room.stream] }, after.sequence);
    use.room.enter(this, readMark);
    this.#await();
  }

  get caller(): Caller {
    return this.#host.caller;
  }

  get room(): Room {
    return this.#use.room;
  }

  /** Everything up to here was handed over. Its revision is 0 where that is not known. */
  get delivered(): Place {
    return this.#delivered;
  }

  /** Newest position in the room that the client can know of. */
  get newestRevision(): number {
    return this.#newestRevision;
  }

  /** Whether everything was handed over that there was when `flush` was called. */
  get isFlushed(): boolean {
    return this.#delivered.sequence >= this.#reach;
  }

  /** Hands over what the log has up to the sequence `reach`, and then no more. */
  flush(reach: number): void {
    this.#reach = reach;
    this.#waiting.abort(LOOK_AGAIN);
  }

  /** Does not hand over the message with this id when it comes by. */
  skip(messageId: string): void {
    const [oldest] = this.#unseenOwn;
    if (this.#unseenOwn.size >= MAX_UNSEEN_OWN && oldest !== undefined) this.#unseenOwn.delete(oldest);
    this.#unseenOwn.add(messageId);
  }

  notice(kind: NoticeKind, userId: string, message: ChatMessage): void {
    this.#host.notice(this.room.roomId, kind, userId, message);
  }

  expel(error: ServiceError): void {
    this.#host.onExpelled(this, error);
  }

  async read(): Promise<readonly Uint8Array[]> {
    if (this.#hasLeft) return [];
    const { events, position, caughtUp } = await this.#cursor.next(RUN);
    const stored = events.map(({ log }) => log);
    const shown = await this.room.messages.show(stored);
    if (this.#hasLeft) return [];
    const messages = [...this.#handOver(stored, shown)];
    this.#delivered = { ...this.#delivered, sequence: position };
    if (!caughtUp) this.#host.onReadable(this);
    else if (!this.isFlushed) this.#await();
    return messages;
  }

  [Symbol.dispose](): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#waiting.abort();
    this.#cursor[Symbol.dispose]();
    this.room.leave(this);
    this.#use[Symbol.dispose]();
  }

  *#handOver(events: readonly LogEvent[], shown: readonly ShownMessage[]): Generator<Uint8Array, void, undefined> {
    for (const [index, event] of events.entries()) {
      if (event.storedAtMs < this.room.history.keptSinceMs) continue;
      const before = this.#delivered.revision;
      if (this.#seesAll && before > 0 && event.revision > before + 1) yield this.#gap(before + 1, event.revision - 1);
      this.#delivered = { sequence: event.sequence, revision: event.revision };
      this.#newestRevision = Math.max(this.#newestRevision, event.revision);
      const message = shown[index];
      if (!this.#unseenOwn.delete(event.id) && message !== undefined) yield message.bytes;
    }
  }

  /** Retention was faster than the reader. */
  #gap(fromSequence: number, toSequence: number): Uint8Array {
    const droppedCount = toSequence - fromSequence + 1;
    const gap = { fromSequence, toSequence, droppedCount, reason: GapReason.COMPACTED };
    const control = controlMessage(
      { $case: "stream", value: { kind: { $case: "gap", value: gap } } },
      { roomId: this.room.roomId },
    );
    return encodeMessage(ChatMessageType, control);
  }

  #await(): void {
    if (this.#waiting.signal.aborted) this.#waiting = new AbortController();
    this.#cursor.untilMatch(this.#waiting.signal, this.#reach).then(
      () => this.#host.onReadable(this),
      (reason: unknown) => {
        if (this.#hasLeft) return;
        if (reason === LOOK_AGAIN) this.#await();
        else this.#host.onFailed(reason);
      },
    );
  }
}
