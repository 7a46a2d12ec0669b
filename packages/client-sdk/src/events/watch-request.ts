import type { PartialMessage, WatchRequest } from "@millrace/shared-types";

import type { CallOptions } from "../options.js";
import type { HeaderMap } from "../rpc/transport.js";
import type { EventSelection, ReadOptions } from "./types.js";

/** What of a request a watch and a read have in common. */
export function toWatchRequest({
  types = [],
  streams = [],
  filter = "",
  omitPayload = false,
  includePreviousPayload = false,
}: Pick<ReadOptions, keyof EventSelection | "omitPayload" | "includePreviousPayload">): PartialMessage<WatchRequest> {
  return { eventTypes: [...types], streams: [...streams], filter, omitPayload, includePreviousPayload };
}

/** Whether all events of one stream are selected, so that one that is missing shows. */
export function isWholeStream({ types = [], streams = [], filter = "" }: EventSelection): boolean {
  return streams.length === 1 && streams[0]?.endsWith("*") === false && types.length === 0 && filter === "";
}

/** Options of a call, without those that are left out. */
export function toCallOptions({
  signal,
  headers,
  idleTimeoutMs,
}: {
  readonly signal?: AbortSignal | undefined;
  readonly headers?: HeaderMap | undefined;
  readonly idleTimeoutMs?: number | undefined;
}): CallOptions {
  return {
    ...(signal && { signal }),
    ...(headers && { headers }),
    ...(idleTimeoutMs !== undefined && { idleTimeoutMs }),
  };
}
