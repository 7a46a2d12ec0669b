import { ChatMessage, ChatMessageKind, decodeMessage, encodeMessage, timestampOfMs } from "@millrace/shared-types";

import type { LogEvent } from "../ports/event-log.js";
import type { RecordStore } from "../ports/record-store.js";

import { type Change, changeOf, hasChanges } from "./changes.js";

/** A message as members get it. */
export interface ShownMessage {
  readonly message: ChatMessage;
  /** `message`, serialized. */
  readonly bytes: Uint8Array;
}

interface Cached {
  /** Count of changes in the room when it was made. */
  readonly changes: number;
  readonly shown: Promise<ShownMessage>;
}

/**
 * Makes the messages of one room from the events of its stream: as they are now, with edits and without what
 * was redacted. An event that many members read is made into a message once, and again after a change.
 */
export class RoomMessages {
  readonly #records: RecordStore;
  readonly #roomId: string;
  readonly #stream: string;
  /** Events that readers share are those of the feed's tail: what is made of them lives as long. */
  readonly #cache = new WeakMap<LogEvent, Cached>();
  #changes = 0;
  #anyChanges: Promise<boolean> | undefined;

  constructor(records: RecordStore, roomId: string, stream: string) {
    this.#records = records;
    this.#roomId = roomId;
    this.#stream = stream;
  }

  /** A message of the room was changed. */
  onChange(): void {
    this.#changes += 1;
    this.#anyChanges = Promise.resolve(true);
  }

  /** The messages of `events`, one for each. */
  show(events: readonly LogEvent[]): Promise<readonly ShownMessage[]> {
    return Promise.all(events.map((event) => this.#cached(event)));
  }

  #cached(event: LogEvent): Promise<ShownMessage> {
    const cached = this.#cache.get(event);
    if (cached?.changes === this.#changes) return cached.shown;
    const shown = this.#show(event);
    shown.catch(() => this.#cache.delete(event)); // the next reader tries again
    this.#cache.set(event, { changes: this.#changes, shown });
    return shown;
  }

  async #show(event: LogEvent): Promise<ShownMessage> {
    const stored = decodeMessage(ChatMessage, event.payload);
    const change = await this.#changeOf(stored, event.id);
    const message: ChatMessage = {
      ...changed(stored, change),
      roomId: this.#roomId,
      messageId: event.id,
      sequence: event.revision,
      timestamp: timestampOfMs(event.storedAtMs),
    };
    return { message, bytes: encodeMessage(ChatMessage, message) };
  }

  /** A text is changed by itself; an edit shows content of its target, so it is hidden with that. */
  async #changeOf({ kind, targetMessageId }: ChatMessage, messageId: string): Promise<Change | undefined> {
    if (kind !== ChatMessageKind.TEXT && kind !== ChatMessageKind.EDIT) return undefined;
    if (!(await this.#hasChanges())) return undefined;
    if (kind === ChatMessageKind.TEXT) return changeOf(this.#records, this.#stream, messageId);
    const change = await changeOf(this.#records, this.#stream, targetMessageId);
    return change?.redacted === true ? change : undefined;
  }

  #hasChanges(): Promise<boolean> {
    this.#anyChanges ??= hasChanges(this.#records, this.#stream).catch((error: unknown) => {
      this.#anyChanges = undefined; // the next reader asks again
      throw error;
    });
    return this.#anyChanges;
  }
}

function changed(message: ChatMessage, change: Change | undefined): ChatMessage {
  if (change === undefined) return message;
  if (change.redacted === true) {
    return { ...message, content: "", contentType: "", metadata: new Map(), attachments: [], redacted: true };
  }
  const { content, contentType, editedAt } = change;
  return { ...message, content, contentType, editTime: timestampOfMs(editedAt) };
}
