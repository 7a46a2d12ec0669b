import { EventServiceDefinition } from "@millrace/shared-types";

import type { ResumableStream } from "../rpc/streams.js";
import { checkReadOptions } from "./check-event-options.js";
import { EventOrder } from "./event-order.js";
import { EventReading } from "./event-reading.js";
import { toWireStart } from "./event-start.js";
import type { EventsDeps } from "./events-api.js";
import { ReadingPosition } from "./reading-position.js";
import type { ReadOptions, WatchedEvent } from "./types.js";
import { isWholeStream, toCallOptions, toWatchRequest } from "./watch-request.js";

const { readEvents } = EventServiceDefinition.methods;

/** Reads a part of the log. See {@link EventsApi.read}. */
export function read(deps: EventsDeps, options: ReadOptions = {}): ResumableStream<WatchedEvent, string> {
  checkReadOptions(options);
  const { backwards = false, from = backwards ? "end" : "beginning", until = 0, limit, resume, signal } = options;
  const common = { ...toWatchRequest(options), untilSequence: until };
  return new EventReading(deps, {
    open: ({ start, limit: left }) => {
      // What is after a token is also before it: the event that it stands for comes once more, and is dropped.
      const isRepeated = backwards && left > 0 && start?.$case === "resumeToken";
      const range = { ...common, start, limit: isRepeated ? left + 1 : left };
      return deps.rpc.serverStream(
        EventServiceDefinition,
        readEvents,
        { watch: range, backwards },
        toCallOptions(options),
      );
    },
    position: new ReadingPosition(toWireStart(from), false, undefined),
    order: new EventOrder(backwards ? -1 : 1, isWholeStream(options)),
    limit,
    isBounded: true,
    policy: resume,
    signal,
  });
}
