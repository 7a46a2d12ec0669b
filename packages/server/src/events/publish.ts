import { invalidField, type PublishRequest, type PublishResponse, ServiceError } from "@millrace/shared-types";

import { type Append, type AppendResult, EventIdConflict, RevisionMismatch } from "../ports/event-log.js";
import type { CallContext } from "../rpc/call-context.js";

import { draftsOf } from "./check-event.js";
import type { EventsDeps } from "./events-deps.js";
import { streamNameOf } from "./stream-name.js";

/**
 * Appends events to one stream, all or none; answers once they are durable, also to a caller who has gone. An
 * event whose id the stream has already is a duplicate: it is not stored again, and `expected_revision` does
 * not count if all are such. Appends take effect in the order in which this is called.
 *
 * @throws ServiceError `INVALID_FIELD`, `LIMIT_EXCEEDED`, `REVISION_MISMATCH`, `IDEMPOTENCY_CONFLICT` (an id with other content)
 */
export async function publish(
  request: PublishRequest,
  _context: CallContext,
  deps: EventsDeps,
): Promise<PublishResponse> {
  return appendEvents(request, deps);
}

/** {@link publish}, outside of a call. */
export async function appendEvents(
  request: PublishRequest,
  { log, positions, clock, limits }: Pick<EventsDeps, "log" | "positions" | "clock" | "limits">,
): Promise<PublishResponse> {
  const append = appendOf(request, { maxEventBytes: limits.maxEventBytes, nowMs: clock.now() });
  const { events, revision } = await stored(log.append(append));
  return {
    events: events.map(({ sequence, revision: streamRevision, duplicate }, index) => {
      const id = append.events[index]?.id ?? "";
      return { id, sequence, streamRevision, duplicate };
    }),
    streamRevision: revision,
    resumeToken: positions.tokenAfter(Math.max(...events.map(({ sequence }) => sequence))),
  };
}

function appendOf(
  { stream, events, expectedRevision }: PublishRequest,
  limits: Parameters<typeof draftsOf>[1],
): Append {
  const append = { stream: streamNameOf("stream", stream), events: draftsOf(events, limits) };
  if (expectedRevision === undefined) return append;
  if (expectedRevision >= 0) return { ...append, expectedRevision };
  throw invalidField("expected_revision", `is ${String(expectedRevision)}, must not be negative`);
}

async function stored(appending: Promise<AppendResult>): Promise<AppendResult> {
  try {
    return await appending;
  } catch (cause) {
    if (cause instanceof RevisionMismatch) {
      const { message, expected, actual } = cause;
      throw new ServiceError("REVISION_MISMATCH", message, { metadata: { expected, actual }, cause });
    }
    if (cause instanceof EventIdConflict) throw new ServiceError("IDEMPOTENCY_CONFLICT", cause.message, { cause });
    throw cause;
  }
}
