import { type Event, toDate } from "@millrace/shared-types";

import { present } from "../files/file-info.js";
import type { WatchedEvent } from "./types.js";

/**
 * The public form of an event.
 *
 * @throws {InternalError} if the server left out what it promises
 */
export function toWatchedEvent(event: Event): WatchedEvent {
  return new ReceivedEvent(event);
}

class ReceivedEvent implements WatchedEvent {
  readonly id: string;
  readonly type: string;
  readonly payload: Uint8Array;
  readonly sequence: number;
  readonly stream: string;
  readonly streamRevision: number;
  readonly resumeToken: string;
  readonly timestamp: Date;
  readonly publishTime: Date;
  readonly attributes: Readonly<Record<string, string>>;
  readonly key: string;
  readonly tombstone: boolean;
  readonly contentType: string;
  readonly source: string;
  readonly previousPayload: Uint8Array | undefined;

  constructor(event: Event) {
    const publishTime = present(event.publishTime, "event.publish_time");
    this.id = event.id;
    this.type = event.type;
    this.payload = event.payload;
    this.sequence = event.sequence;
    this.stream = event.stream;
    this.streamRevision = event.streamRevision;
    this.resumeToken = event.resumeToken;
    this.timestamp = toDate(event.timestamp ?? publishTime);
    this.publishTime = toDate(publishTime);
    this.attributes = Object.fromEntries(event.attributes);
    this.key = event.key;
    this.tombstone = event.tombstone;
    this.contentType = event.contentType;
    this.source = event.source;
    this.previousPayload = event.previousPayload;
  }

  text(): string {
    return Buffer.from(this.payload.buffer, this.payload.byteOffset, this.payload.byteLength).toString("utf8");
  }

  json(): unknown {
    return JSON.parse(this.text());
  }
}
