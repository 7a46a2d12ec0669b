import type { Event } from "@millrace/shared-types";

import type { LogEvent } from "../ports/event-log.js";

import { toBytes, toBytesWithoutPayload, toMessage } from "./event-message.js";
import type { FeedEvent } from "./feed.js";
import type { Positions } from "./positions.js";

/** Token, positions and times of an event as it is sent, about, in bytes. */
export const PLACE_BYTES: number = 200;

/** Makes of a stored event what readers ask for, each form when it is first asked for, and once. */
export class SharedEvent implements FeedEvent {
  readonly log: LogEvent;
  readonly size: number;
  readonly #positions: Positions;
  #resumeToken: string | undefined;
  #message: Event | undefined;
  #bytes: Uint8Array | undefined;
  #bytesWithoutPayload: Uint8Array | undefined;

  constructor(log: LogEvent, positions: Positions) {
    this.log = log;
    this.size = sizeOf(log);
    this.#positions = positions;
  }

  get appendEnd(): number {
    return this.log.appendEnd;
  }

  get resumeToken(): string {
    return (this.#resumeToken ??= this.#positions.tokenAfter(this.log.sequence));
  }

  get message(): Event {
    return (this.#message ??= toMessage(this.log, this.resumeToken));
  }

  get bytes(): Uint8Array {
    return (this.#bytes ??= toBytes(this.log, this.resumeToken));
  }

  get bytesWithoutPayload(): Uint8Array {
    return (this.#bytesWithoutPayload ??= toBytesWithoutPayload(this.log, this.resumeToken));
  }
}

function sizeOf({ head, payload, id, type, key, stream }: LogEvent): number {
  return head.length + payload.length + id.length + type.length + key.length + stream.length + PLACE_BYTES;
}
