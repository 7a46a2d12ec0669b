import { EventServiceDefinition } from "@millrace/shared-types";

import type { CallOptions } from "../options.js";
import { checkLogInfoOptions, checkTruncate } from "./check-event-options.js";
import type { EventsDeps } from "./events-api.js";
import type { LogInfo, LogInfoOptions } from "./types.js";

const { getLogInfo, truncateStream } = EventServiceDefinition.methods;

/** What the log holds. See {@link EventsApi.info}. */
export async function logInfo({ rpc }: EventsDeps, options: LogInfoOptions = {}): Promise<LogInfo> {
  checkLogInfoOptions(options);
  const { stream = "", ...call } = options;
  const info = await rpc.unary(EventServiceDefinition, getLogInfo, { stream }, call);
  const { epoch, firstSequence, lastSequence, resumeToken, firstStreamRevision, lastStreamRevision } = info;
  const range = { name: stream, firstRevision: firstStreamRevision, lastRevision: lastStreamRevision };
  return { epoch, firstSequence, lastSequence, resumeToken, stream: stream === "" ? undefined : range };
}

/** Drops history of a stream. See {@link EventsApi.truncate}. */
export async function truncate(
  { rpc }: EventsDeps,
  stream: string,
  beforeRevision: number,
  options: CallOptions = {},
): Promise<number> {
  checkTruncate(stream, beforeRevision, options);
  const request = { stream, beforeRevision };
  return (await rpc.unary(EventServiceDefinition, truncateStream, request, options)).firstStreamRevision;
}
