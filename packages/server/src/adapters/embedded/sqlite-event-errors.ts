import { ServiceError } from "@millrace/shared-types";

import { EventIdConflict, PositionCompacted, RevisionMismatch } from "../../ports/event-log.js";

import type { EventFailure } from "./sqlite-event-protocol.js";

/** What callers of the log are told about a failure in one of its threads. */
export function eventErrorOf(failure: EventFailure): Error {
  switch (failure.kind) {
    case "revision":
      return new RevisionMismatch(failure.stream, failure.expected, failure.actual);
    case "conflict":
      return new EventIdConflict(failure.stream, failure.id);
    case "compacted":
      return new PositionCompacted(failure.after, failure.firstSequence);
    case "full":
      return new ServiceError("QUOTA_EXCEEDED", "the disk of the server is full", { cause: failure.message });
    case "damaged":
      return new ServiceError("CORRUPT_DATA", `the event log is damaged: ${failure.message}`);
    case "unavailable":
      return logUnavailable(failure.message);
  }
}

export function logUnavailable(cause: unknown): ServiceError {
  return new ServiceError("BACKEND_UNAVAILABLE", "the server cannot use its event log", { cause, retryAfterMs: 1000 });
}
