import type { GetLogInfoRequest, GetLogInfoResponse } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import type { EventsDeps } from "./events-deps.js";
import { streamNameOf } from "./stream-name.js";

/**
 * Describes the log, and a stream if one is named.
 *
 * @throws ServiceError `INVALID_FIELD` or `LIMIT_EXCEEDED` about the name of the stream
 */
export async function getLogInfo(
  { stream }: GetLogInfoRequest,
  _context: CallContext,
  { log, positions }: EventsDeps,
): Promise<GetLogInfoResponse> {
  const name = stream === "" ? undefined : streamNameOf("stream", stream);
  const { firstSequence, lastSequence } = await log.range();
  const { firstRevision, lastRevision } =
    name === undefined ? { firstRevision: 0, lastRevision: 0 } : await log.streamRange(name);
  return {
    epoch: log.epoch,
    firstSequence: firstSequence > lastSequence ? 0 : firstSequence,
    lastSequence,
    firstStreamRevision: firstRevision,
    lastStreamRevision: lastRevision,
    resumeToken: positions.tokenAfter(lastSequence),
  };
}
