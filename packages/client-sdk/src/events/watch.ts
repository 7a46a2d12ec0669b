import { durationOfMs, EventServiceDefinition } from "@millrace/shared-types";

import { checkWatchOptions } from "./check-event-options.js";
import { EventOrder } from "./event-order.js";
import { EventReading } from "./event-reading.js";
import { toWireStart } from "./event-start.js";
import type { EventsDeps } from "./events-api.js";
import { DEFAULT_HEARTBEAT_MS, silenceAfterMs } from "./heartbeat.js";
import { PositionMemory } from "./position-memory.js";
import { ReadingPosition } from "./reading-position.js";
import type { EventWatch, WatchOptions } from "./types.js";
import { isWholeStream, toCallOptions, toWatchRequest } from "./watch-request.js";

const { watchEventBatches } = EventServiceDefinition.methods;

/** Follows the log. See {@link EventsApi.watch}. */
export function watch(deps: EventsDeps, options: WatchOptions = {}): EventWatch {
  checkWatchOptions(options);
  const { from = "end", sendInitialState = false, heartbeatMs = DEFAULT_HEARTBEAT_MS, batchDelayMs } = options;
  const { idleTimeoutMs = silenceAfterMs(heartbeatMs) } = options;
  const { limit, onCaughtUp, resume: policy, signal } = options;
  const memory =
    policy && policy.store && policy.key !== undefined
      ? new PositionMemory(policy.store, policy.key, deps.clock)
      : undefined;
  const common = {
    ...toWatchRequest(options),
    controls: true,
    heartbeatInterval: heartbeatMs === 0 ? undefined : durationOfMs(heartbeatMs),
  };
  const maxBatchDelay = batchDelayMs === undefined ? undefined : durationOfMs(batchDelayMs);
  return new EventReading(deps, {
    open: ({ onHeaders, ...call }) =>
      deps.rpc.serverStream(
        EventServiceDefinition,
        watchEventBatches,
        { watch: { ...common, ...call }, maxBatchDelay },
        { ...toCallOptions({ ...options, idleTimeoutMs }), onHeaders },
      ),
    position: new ReadingPosition(toWireStart(from), sendInitialState, memory),
    order: new EventOrder(1, isWholeStream(options) && !sendInitialState),
    limit,
    isBounded: false,
    onCaughtUp,
    policy,
    signal,
  });
}
