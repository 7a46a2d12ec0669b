import type { Event } from "@millrace/shared-types";

import type { LogEvent, PackedEvent } from "../ports/event-log.js";

import { toMessage } from "./event-message.js";
import type { FeedEvent } from "./feed.js";
import { packedEventBytes } from "./packed-event-bytes.js";
import type { Positions } from "./positions.js";
import { PLACE_BYTES } from "./shared-event.js";

/** An event that was read from storage, packed: as long as nobody looks at it, it goes from there to the wire. */
export class StoredEvent implements FeedEvent {
  readonly appendEnd: number;
  readonly size: number;
  readonly #packed: PackedEvent;
  readonly #positions: Positions;
  #log: LogEvent | undefined;
  #message: Event | undefined;
  #bytes: Uint8Array | undefined;
  #bytesWithoutPayload: Uint8Array | undefined;

  constructor(packed: PackedEvent, positions: Positions) {
    this.appendEnd = packed.appendEnd;
    this.size = packed.end - packed.streamAt + PLACE_BYTES;
    this.#packed = packed;
    this.#positions = positions;
  }

  get log(): LogEvent {
    return (this.#log ??= this.#packed.event());
  }

  get resumeToken(): string {
    return this.#positions.tokenAfter(this.#packed.sequence);
  }

  get message(): Event {
    return (this.#message ??= toMessage(this.log, this.resumeToken));
  }

  get bytes(): Uint8Array {
    return (this.#bytes ??= packedEventBytes(this.#packed, this.#positions, true));
  }

  get bytesWithoutPayload(): Uint8Array {
    return (this.#bytesWithoutPayload ??= packedEventBytes(this.#packed, this.#positions, false));
  }
}
