import {
  BatchServiceDefinition,
  ChatServiceDefinition,
  createTokenSigner,
  DatasetServiceDefinition,
  DEFAULT_LIMITS,
  EventServiceDefinition,
  FileServiceDefinition,
  type Limits,
  MetricServiceDefinition,
  StreamingServiceDefinition,
  StreamServiceDefinition,
  SyncServiceDefinition,
} from "@millrace/shared-types";

import type { BatchDeps, BatchLimits } from "./batch/batch-deps.js";
import { resolveBatchLimits } from "./batch/batch-limits.js";
import { batchService, batchStreams } from "./batch/batch-service.js";
import { openBatches } from "./batch/open-batches.js";
import type { Processor } from "./batch/processor.js";
import type { ChatDeps, ChatLimits } from "./chat/chat-deps.js";
import { resolveChatLimits } from "./chat/chat-limits.js";
import { chatService, chatStreams, openChat } from "./chat/chat-service.js";
import type { DataDeps, DataLimits } from "./data/data-deps.js";
import { resolveDataLimits } from "./data/data-limits.js";
import { dataService, dataStreams, itemStreams } from "./data/data-service.js";
import { openData } from "./data/open-data.js";
import type { EventsLimits } from "./events/events-deps.js";
import { resolveEventsLimits } from "./events/events-limits.js";
import { eventsService, eventStreams } from "./events/events-service.js";
import { openEvents } from "./events/open-events.js";
import type { SubscriptionsDeps } from "./events/subscriptions/open-subscriptions.js";
import type { FilesDeps, FilesLimits } from "./files/files-deps.js";
import { filesService, fileStreams, openFiles } from "./files/files-service.js";
import { infoService } from "./info/info-service.js";
import type { MetricsDeps, MetricsLimits } from "./metrics/metrics-deps.js";
import { resolveMetricsLimits } from "./metrics/metrics-limits.js";
import { metricsService, metricStreams } from "./metrics/metrics-service.js";
import { openMetrics } from "./metrics/open-metrics.js";
import { openStores, type Stores } from "./open-stores.js";
import { systemClock } from "./ports/clock.js";
import { type BoundService, partialService, service } from "./rpc/bind-service.js";
import { createServer, type RunningServer } from "./rpc/create-server.js";
import { silentLogger } from "./rpc/logger.js";
import { checkNames, type NumberRanges, resolveNumbers } from "./rpc/number-options.js";
import { SERVER_OPTION_NAMES, type ServerOptions } from "./rpc/server-options.js";
import type { MergeFunction } from "./sync/merge-function.js";
import { openSync } from "./sync/open-sync.js";
import type { SyncDeps } from "./sync/sync-deps.js";
import { syncService, syncStreams } from "./sync/sync-service.js";

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
  /**
   * What batches can run, by name, made by `defineProcessor`; beside `echo`, `sha256`, `dataset.put` and
   * `event.publish`, or in their place. Default: those.
   */
  readonly processors?: Readonly<Record<string, Processor>>;
  /** Merge concurrent changes in the synchronized collections of these names, whose policy is MERGE_FUNCTION. */
  readonly mergeFunctions?: Readonly<Record<string, MergeFunction>>;
}

const KIB = 1024;
const DAY_MS = 86_400_000;

const FILE_LIMITS: NumberRanges<Partial<FilesLimits>> = {
  maxChunkBytes: { default: DEFAULT_LIMITS.maxChunkBytes, min: 4 * KIB, max: 32 * KIB * KIB },
  maxFileBytes: { default: DEFAULT_LIMITS.maxFileBytes, min: 1, max: Number.MAX_SAFE_INTEGER },
  uploadTtlMs: { default: DEFAULT_LIMITS.uploadTtlMs, min: 1_000, max: 365 * DAY_MS },
  minPartBytes: { default: DEFAULT_LIMITS.minPartBytes, min: 1, max: KIB * KIB * KIB },
};

const OPTION_NAMES = [
  ...SERVER_OPTION_NAMES,
  "dataDir",
  "fileLimits",
  "eventLimits",
  "chatLimits",
  "dataLimits",
  "metricLimits",
  "batchLimits",
  "processors",
  "mergeFunctions",
];

/** Optional features of the contract that this server has. */
const FEATURES = ["files.parallel", "files.dedupe", "events.subscriptions"];

/**
 * Starts the whole Millrace server: the `streaming.v1` services over the stores in `dataDir`, and the services of
 * `options` beside them. Closing the server closes the stores.
 *
 * @throws {OptionError} naming an option that is unknown, out of range or unsafe
 * @throws {Error} `DataDirInUseError` if another process holds `dataDir`
 */
export async function createStreamingServer(options: StreamingServerOptions = {}): Promise<RunningServer> {
  checkNames("option", options, OPTION_NAMES);
  const { dataDir, fileLimits, eventLimits, chatLimits, dataLimits, services = [], ...others } = options;
  const { metricLimits, batchLimits, processors = {}, mergeFunctions, ...rest } = others;
  const ofFiles = resolveNumbers("fileLimits", fileLimits, FILE_LIMITS);
  const ofEvents = resolveEventsLimits("eventLimits", eventLimits);
  const ofChat = resolveChatLimits("chatLimits", chatLimits);
  const ofData = resolveDataLimits("dataLimits", dataLimits);
  const ofMetrics = resolveMetricsLimits("metricLimits", metricLimits);
  const ofBatches = resolveBatchLimits("batchLimits", batchLimits);
  await using stack = new AsyncDisposableStack();
  const stores = stack.use(await openStores(dataDir, { maxMetricSeries: ofMetrics.maxMetricSeries }));
  const shared = sharedOptions(stores, rest);
  const files = stack.use(await openFiles({ ...shared, blobs: stores.blobs, limits: ofFiles }));
  const events = stack.use(await openEvents({ ...shared, eventLog: stores.log, limits: ofEvents }));
  const { log: eventLog, feed } = events;
  const allowAnonymous = rest.authenticate === undefined;
  const chat = stack.use(await openChat({ ...shared, eventLog, feed, limits: ofChat, allowAnonymous }));
  const { items } = stores;
  const sync = await openSync({ ...shared, items, ...(mergeFunctions && { mergeFunctions }) });
  const { collections } = sync;
  const data = stack.use(await openData({ ...shared, items, limits: ofData, keptElsewhere: collections }));
  const metrics = stack.use(openMetrics({ ...shared, metrics: stores.metrics, limits: ofMetrics }));
  const batch = stack.use(await openBatches({ ...shared, items, data, events, processors, limits: ofBatches }));
  const builtIn = builtInServices(stores.clusterId, { files, events, chat, data, metrics, batch, sync }, rest);
  const opened = stack.move();
  try {
    const onClosed = (): Promise<void> => opened.disposeAsync();
    return await createServer({ ...rest, services: [...builtIn, ...services], onClosed });
  } catch (error) {
    await opened.disposeAsync();
    throw error;
  }
}

/** What all domains are opened with. */
function sharedOptions(
  { records, clusterId, tokenSecret }: Stores,
  { clock = systemClock, logger = silentLogger }: ServerOptions,
): Omit<Parameters<typeof openFiles>[0], "blobs" | "limits"> {
  return { records, clusterId, tokenSigner: createTokenSigner(tokenSecret), clock, log: logger };
}

interface Domains {
  readonly files: FilesDeps;
  readonly events: SubscriptionsDeps;
  readonly chat: ChatDeps;
  readonly data: DataDeps;
  readonly metrics: MetricsDeps;
  readonly batch: BatchDeps;
  readonly sync: SyncDeps;
}

/** The domains that are not built yet answer UNIMPLEMENTED. */
function builtInServices(clusterId: string, domains: Domains, options: ServerOptions): readonly BoundService[] {
  const { files, events, chat, data, metrics, batch, sync } = domains;
  return [
    partialService(StreamingServiceDefinition, {
      ...fileStreams(files),
      ...eventStreams(events),
      ...chatStreams(chat),
      ...dataStreams(data),
      ...metricStreams(metrics),
      ...batchStreams(batch),
      ...syncStreams(sync),
    }),
    service(StreamServiceDefinition, { ...chatStreams(chat), ...itemStreams(data) }),
    service(FileServiceDefinition, filesService(files)),
    service(EventServiceDefinition, eventsService(events)),
    service(ChatServiceDefinition, chatService(chat)),
    service(DatasetServiceDefinition, dataService(data)),
    service(MetricServiceDefinition, metricsService(metrics)),
    service(BatchServiceDefinition, batchService(batch)),
    service(SyncServiceDefinition, syncService(sync)),
    infoService({ clusterId, features: FEATURES, limits: limitsInForce(domains, options), clock: files.clock }),
  ];
}

function limitsInForce({ files, events, chat, metrics, batch }: Domains, { limits = {} }: ServerOptions): Limits {
  const { maxEventBytes, maxFilterChars } = events.limits;
  const { maxMessageBytes = DEFAULT_LIMITS.maxMessageBytes } = limits;
  const { maxMetricSeries } = metrics.limits;
  const single = { maxEventBytes, maxFilterChars, maxMetricSeries, maxMessageBytes };
  return { ...DEFAULT_LIMITS, ...files.limits, ...chat.limits, ...batch.limits, ...single };
}
