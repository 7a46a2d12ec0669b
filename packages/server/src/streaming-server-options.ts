import type { BatchLimits } from "./batch/batch-deps.js";
import { resolveBatchLimits } from "./batch/batch-limits.js";
import type { Processor } from "./batch/processor.js";
import type { ChatLimits } from "./chat/chat-deps.js";
import { resolveChatLimits } from "./chat/chat-limits.js";
import type { DataLimits } from "./data/data-deps.js";
import { resolveDataLimits } from "./data/data-limits.js";
import type { EventsLimits } from "./events/events-deps.js";
import { resolveEventsLimits } from "./events/events-limits.js";
import type { FilesLimits } from "./files/files-deps.js";
import { resolveFilesLimits } from "./files/files-limits.js";
import type { MetricsLimits } from "./metrics/metrics-deps.js";
import { resolveMetricsLimits } from "./metrics/metrics-limits.js";
import type { QueryLimits } from "./query/query-deps.js";
import { resolveQueryLimits } from "./query/query-limits.js";
import { checkNames } from "./rpc/number-options.js";
import { SERVER_OPTION_NAMES, type ServerOptions } from "./rpc/server-options.js";
import type { MergeFunction } from "./sync/merge-function.js";

export interface StreamingServerOptions extends Omit<ServerOptions, "onClosed"> {
  /**
   * Folder of everything the server keeps; made if it is missing, held by one process at a time.
   * Left out, everything is kept in memory and gone with the process.
   */
  readonly dataDir?: string;
  /** What files may be. Default: `DEFAULT_LIMITS` of shared-types. */
  readonly fileLimits?: Partial<FilesLimits>;
  /** What events may be, and how long they are kept. Default: `DEFAULT_LIMITS` of shared-types; everything is kept. */
  readonly eventLimits?: Partial<EventsLimits>;
  /** What chat messages may be, and how many. Default: `DEFAULT_LIMITS` of shared-types. */
  readonly chatLimits?: Partial<ChatLimits>;
  /** What items may be, and how long listings can go on. Default: items of 1 MiB, snapshots of an hour. */
  readonly dataLimits?: Partial<DataLimits>;
  /** How many series there may be, and how long samples are kept. Default: 100,000 series, 15 days. */
  readonly metricLimits?: Partial<MetricsLimits>;
  /** What batches may be. Default: 1,000,000 items. */
  readonly batchLimits?: Partial<BatchLimits>;
  /** What queries may be, and use. Default: 64 KiB, 30 s, 1,000,000 rows, 4 on a stream, 8 processes of 320 MiB. */
  readonly queryLimits?: Partial<QueryLimits>;
  /**
   * What batches can run, by name, made by `defineProcessor`; beside `echo`, `sha256`, `dataset.put` and
   * `event.publish`, or in their place. Default: those.
   */
  readonly processors?: Readonly<Record<string, Processor>>;
  /** Merge concurrent changes in the synchronized collections of these names, whose policy is MERGE_FUNCTION. */
  readonly mergeFunctions?: Readonly<Record<string, MergeFunction>>;
}

/** Options that have been checked, by what they are for. */
export interface StreamingServerSettings {
  readonly dataDir: string | undefined;
  readonly limits: DomainLimits;
  readonly processors: Readonly<Record<string, Processor>>;
  readonly mergeFunctions: Readonly<Record<string, MergeFunction>>;
  /** Everything that is not about `streaming.v1`. */
  readonly server: Omit<ServerOptions, "onClosed">;
}

/** Limits of each domain, with all defaults but those of files. */
export interface DomainLimits {
  readonly files: Partial<FilesLimits>;
  readonly events: EventsLimits;
  readonly chat: ChatLimits;
  readonly data: DataLimits;
  readonly metrics: MetricsLimits;
  readonly batch: BatchLimits;
  readonly queries: QueryLimits;
}

const OPTION_NAMES = [
  ...SERVER_OPTION_NAMES,
  "dataDir",
  "fileLimits",
  "eventLimits",
  "chatLimits",
  "dataLimits",
  "metricLimits",
  "batchLimits",
  "queryLimits",
  "processors",
  "mergeFunctions",
];

/** @throws {OptionError} naming an option that is unknown or out of range */
export function resolveStreamingServerOptions(options: StreamingServerOptions): StreamingServerSettings {
  checkNames("option", options, OPTION_NAMES);
  const { dataDir, processors = {}, mergeFunctions = {}, ...rest } = options;
  const { fileLimits, eventLimits, chatLimits, dataLimits, metricLimits, batchLimits, queryLimits, ...server } = rest;
  const limits: DomainLimits = {
    files: resolveFilesLimits("fileLimits", fileLimits),
    events: resolveEventsLimits("eventLimits", eventLimits),
    chat: resolveChatLimits("chatLimits", chatLimits),
    data: resolveDataLimits("dataLimits", dataLimits),
    metrics: resolveMetricsLimits("metricLimits", metricLimits),
    batch: resolveBatchLimits("batchLimits", batchLimits),
    queries: resolveQueryLimits("queryLimits", queryLimits),
  };
  return { dataDir, limits, processors, mergeFunctions, server };
}
