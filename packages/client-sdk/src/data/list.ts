import { DatasetServiceDefinition, durationOfMs, ListRequest, ReadConsistency } from "@millrace/shared-types";

import type { CallOptions } from "../options.js";
import type { ResumableStream } from "../rpc/streams.js";
import { checkListOptions } from "./check-data-options.js";
import type { DataDeps } from "./data-api.js";
import { ItemListing } from "./item-listing.js";
import { parsePosition } from "./listing-position.js";
import { LIST_BATCHES } from "./received-batch.js";
import type { DataItem, ListItemsOptions } from "./types.js";

/** How often a server that finds nothing says how far it has looked, in milliseconds: from there a lost listing goes on. */
const SCAN_REPORT_MS = 5000;

/** Lists items. See {@link DataApi.list}. */
export function list(deps: DataDeps, options: ListItemsOptions = {}): ResumableStream<DataItem, string> {
  checkListOptions(options);
  const { limit, batchBytes = 0, resume, signal } = options;
  const selection = toListRequest(options);
  return new ItemListing(deps, {
    open: ({ cursor, limit: left, onHeaders }) =>
      deps.rpc.serverStream(
        DatasetServiceDefinition,
        LIST_BATCHES,
        { list: { ...selection, startCursor: cursor, limit: left }, maxBatchBytes: batchBytes },
        { ...toCallOptions(options), onHeaders },
      ),
    from: parsePosition(options.from),
    limit,
    policy: resume,
    signal,
  });
}

function toListRequest(options: ListItemsOptions): ListRequest {
  const { dataset = "", filter = "", fields = [], prefix = "", startKey = "", endKey = "" } = options;
  const { descending = false, keysOnly = false, consistency } = options;
  return ListRequest.fromPartial({
    dataset,
    filter,
    fields: [...fields],
    keyPrefix: prefix,
    startKey,
    endKey,
    descending,
    keysOnly,
    consistency: consistency === "eventual" ? ReadConsistency.EVENTUAL : ReadConsistency.SNAPSHOT,
    heartbeatInterval: filter === "" ? undefined : durationOfMs(SCAN_REPORT_MS),
  });
}

function toCallOptions({ signal, headers, idleTimeoutMs }: ListItemsOptions): CallOptions {
  return {
    ...(signal && { signal }),
    ...(headers && { headers }),
    ...(idleTimeoutMs !== undefined && { idleTimeoutMs }),
  };
}
