import { EncodedMessages } from "@millrace/shared-types";

import type { EventLog } from "../ports/event-log.js";
import { SharedMessages } from "../rpc/shared-messages.js";

import { encodeEvents, piecesOf } from "./encode-events.js";
import type { FeedEvent } from "./feed.js";
import type { EventView } from "./watch-plan.js";

/** A part of a run, serialized. */
export interface EncodedPiece {
  readonly messages: EncodedMessages | Promise<EncodedMessages>;
  /** Of its last event. */
  readonly sequence: number;
}

/** A run of events as it is sent, serialized piece by piece when it is first asked for. */
export class EncodedRun {
  readonly #pieces: Iterator<EncodedPiece, void>;
  readonly #encoded: EncodedPiece[] = [];

  constructor(pieces: Iterator<EncodedPiece, void>) {
    this.#pieces = pieces;
  }

  /** `undefined` behind the last one. */
  piece(index: number): EncodedPiece | undefined {
    while (index >= this.#encoded.length) {
      const { value } = this.#pieces.next();
      if (value === undefined) return undefined;
      this.#encoded.push(value);
    }
    return this.#encoded[index];
  }
}

/** What was made of runs that are still in somebody's hands: readers who keep up are all given the same. */
const whole = new WeakMap<readonly FeedEvent[], EncodedRun>();
const withoutPayloads = new WeakMap<readonly FeedEvent[], EncodedRun>();

/** The events of a run as `view` says; one for all who ask with the same `events`. */
export function encodedRunOf(events: readonly FeedEvent[], view: EventView, log: EventLog): EncodedRun {
  if (view.includePreviousPayload) return new EncodedRun(encodedPieces(events, view, log));
  const known = view.omitPayload ? withoutPayloads : whole;
  const run = known.get(events) ?? new EncodedRun(encodedPieces(events, view, log));
  known.set(events, run);
  return run;
}

function* encodedPieces(
  events: readonly FeedEvent[],
  view: EventView,
  log: EventLog,
): Generator<EncodedPiece, void, undefined> {
  for (const piece of piecesOf(events, view)) {
    const encoded = encodeEvents(piece, view, log);
    const messages =
      encoded instanceof Promise ? encoded.then((bytes) => new EncodedMessages(bytes)) : new SharedMessages(encoded);
    yield { messages, sequence: piece.at(-1)?.log.sequence ?? 0 };
  }
}
