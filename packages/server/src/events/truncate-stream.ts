import { invalidField, type TruncateStreamRequest, type TruncateStreamResponse } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import type { EventsDeps } from "./events-deps.js";
import { streamNameOf } from "./stream-name.js";

/** Drops the events of a stream below a revision, but never its newest one. Answers 0 for a stream without events. */
export async function truncateStream(
  { stream, beforeRevision }: TruncateStreamRequest,
  _context: CallContext,
  { log }: EventsDeps,
): Promise<TruncateStreamResponse> {
  const name = streamNameOf("stream", stream);
  if (beforeRevision < 0) throw invalidField("before_revision", `is ${String(beforeRevision)}, must not be negative`);
  return { firstStreamRevision: await log.truncate(name, beforeRevision) };
}
