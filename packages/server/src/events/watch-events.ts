import { EncodedMessages, Event, type WatchRequest } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import { encodeEvents, piecesOf } from "./encode-events.js";
import type { EventsDeps } from "./events-deps.js";
import { openWatch, type WatchPace } from "./watch.js";

const PACE: WatchPace = { maxEvents: 512, maxBytes: 64 * 1024, delayMs: 0, readsAhead: true };

/**
 * Streams the events that a request selects, in the order of the log, each exactly once, and does not end by
 * itself unless the request says where. A slow client reads from storage at its own pace: it costs two runs of
 * events, each 64 KiB or one publication. Headers are sent when the watch is in place: a publication that is
 * acknowledged after that is delivered. Controls are sent only if the request asks for them.
 *
 * @throws ServiceError `INVALID_FIELD`, `LIMIT_EXCEEDED`, `INVALID_FILTER`, `INVALID_CURSOR`, `EPOCH_CHANGED`,
 * `COMPACTED` (also later, if retention overtakes the client), `FUTURE_POSITION`, `SLOW_CONSUMER`
 */
export async function* watchEvents(
  request: WatchRequest,
  context: CallContext,
  deps: EventsDeps,
): AsyncGenerator<Event | EncodedMessages, void, undefined> {
  using watch = await openWatch(request, "", PACE, context, deps);
  const { view } = watch.plan;
  for (let step = await watch.next(); step !== undefined; step = await watch.next()) {
    if (step.$case === "control") {
      yield Event.fromPartial({ control: step.control });
      continue;
    }
    for (const piece of piecesOf(step.events, view)) {
      yield new EncodedMessages(await encodeEvents(piece, view, deps.log));
      watch.onSent(piece.at(-1)?.log.sequence ?? step.position);
    }
  }
}
