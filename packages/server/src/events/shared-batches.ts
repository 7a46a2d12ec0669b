import { SharedMessages } from "../rpc/shared-messages.js";

import type { BatchRun } from "./encode-batches.js";
import type { FeedEvent } from "./feed.js";
import { type Kept, RunCache } from "./run-cache.js";
import type { EventView } from "./watch-plan.js";

/** What a batch that is kept may hold beside its bytes for each event: that event, with all that was made of it. */
const EVENT_BYTES = 2048;

interface KeptBatch extends Kept {
  readonly events: readonly FeedEvent[];
  readonly position: number;
  readonly omitsPayload: boolean;
  readonly messages: SharedMessages;
}

/** Batches that were made for one reader, for others who want the same: they are made once, and so is their frame. */
export class SharedBatches {
  readonly #cache: RunCache;
  /** By their first event: what begins with it, as it was made last. */
  readonly #byFirst = new Map<FeedEvent, KeptBatch>();

  /** @param maxBytes of all batches that are kept */
  constructor(maxBytes: number) {
    this.#cache = new RunCache(maxBytes);
  }

  /** The batch with all events of `run`, if there is one. */
  find({ events, position }: BatchRun, view: EventView): SharedMessages | undefined {
    const kept = events[0] && this.#byFirst.get(events[0]);
    if (kept === undefined || view.includePreviousPayload || view.omitPayload !== kept.omitsPayload) return undefined;
    return kept.position === position && areSame(kept.events, events) ? kept.messages : undefined;
  }

  /** Keeps the batch with all events of `run` as long as there is room. */
  keep({ events, position }: BatchRun, view: EventView, message: Uint8Array): SharedMessages {
    const messages = new SharedMessages([message]);
    const [first] = events;
    if (first === undefined || view.includePreviousPayload) return messages;
    const known = this.#byFirst.get(first);
    if (known !== undefined) this.#cache.drop(known);
    const kept = {
      events,
      position,
      omitsPayload: view.omitPayload,
      messages,
      bytes: EVENT_BYTES * events.length + 2 * message.byteLength,
      onDropped: () => void this.#byFirst.delete(first),
    };
    this.#byFirst.set(first, kept);
    this.#cache.keep(kept);
    return messages;
  }
}

/** Readers of other selections may begin and end where these do, and have others in between. */
function areSame(some: readonly FeedEvent[], others: readonly FeedEvent[]): boolean {
  return some.length === others.length && some.every((event, index) => event === others[index]);
}
