import {
  BatchServiceDefinition,
  ChatServiceDefinition,
  DatasetServiceDefinition,
  DEFAULT_LIMITS,
  EventServiceDefinition,
  FileServiceDefinition,
  type Limits,
  MetricServiceDefinition,
  QueryServiceDefinition,
  StreamingServiceDefinition,
  StreamServiceDefinition,
  SyncServiceDefinition,
} from "@millrace/shared-types";

import { batchService, batchStreams } from "./batch/batch-service.js";
import { chatService, chatStreams } from "./chat/chat-service.js";
import { dataService, dataStreams, itemStreams } from "./data/data-service.js";
import { eventsService, eventStreams } from "./events/events-service.js";
import { filesService, fileStreams } from "./files/files-service.js";
import { infoService } from "./info/info-service.js";
import { metricsService, metricStreams } from "./metrics/metrics-service.js";
import type { Domains } from "./open-domains.js";
import { queryService, queryStreams } from "./query/query-service.js";
import { type BoundService, service } from "./rpc/bind-service.js";
import { syncService, syncStreams } from "./sync/sync-service.js";

/** Optional features of the contract that every server has; `queries` come with a data folder. */
const FEATURES = ["files.parallel", "files.dedupe", "events.subscriptions"];

/** The two services of the seed, whose RPCs belong to all domains, and the companion service of each domain. */
export function builtInServices(
  clusterId: string,
  domains: Domains,
  maxMessageBytes: number | undefined,
): readonly BoundService[] {
  const { files, events, chat, data, metrics, batch, sync, queries } = domains;
  return [
    service(StreamingServiceDefinition, {
      ...fileStreams(files),
      ...eventStreams(events),
      ...chatStreams(chat),
      ...dataStreams(data),
      ...metricStreams(metrics),
      ...batchStreams(batch),
      ...syncStreams(sync),
      ...queryStreams(queries),
    }),
    service(StreamServiceDefinition, { ...chatStreams(chat), ...itemStreams(data) }),
    service(FileServiceDefinition, filesService(files)),
    service(EventServiceDefinition, eventsService(events)),
    service(ChatServiceDefinition, chatService(chat)),
    service(DatasetServiceDefinition, dataService(data)),
    service(MetricServiceDefinition, metricsService(metrics)),
    service(BatchServiceDefinition, batchService(batch)),
    service(SyncServiceDefinition, syncService(sync)),
    service(QueryServiceDefinition, queryService(queries)),
    infoService({
      clusterId,
      features: queries.engine === undefined ? FEATURES : [...FEATURES, "queries"],
      limits: limitsInForce(domains, maxMessageBytes),
      clock: files.clock,
    }),
  ];
}

function limitsInForce(
  { files, events, chat, metrics, batch }: Domains,
  maxMessageBytes: number = DEFAULT_LIMITS.maxMessageBytes,
): Limits {
  const { maxEventBytes, maxFilterChars } = events.limits;
  const { maxMetricSeries } = metrics.limits;
  const single = { maxEventBytes, maxFilterChars, maxMetricSeries, maxMessageBytes };
  return { ...DEFAULT_LIMITS, ...files.limits, ...chat.limits, ...batch.limits, ...single };
}
