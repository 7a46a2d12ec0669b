import { createTokenSigner } from "@millrace/shared-types";

import type { BatchDeps } from "./batch/batch-deps.js";
import { openBatches } from "./batch/open-batches.js";
import type { ChatDeps } from "./chat/chat-deps.js";
import { openChat } from "./chat/chat-service.js";
import type { DataDeps } from "./data/data-deps.js";
import { openData } from "./data/open-data.js";
import { openEvents } from "./events/open-events.js";
import type { SubscriptionsDeps } from "./events/subscriptions/open-subscriptions.js";
import type { FilesDeps } from "./files/files-deps.js";
import { openFiles } from "./files/files-service.js";
import type { MetricsDeps } from "./metrics/metrics-deps.js";
import { openMetrics } from "./metrics/open-metrics.js";
import type { Stores } from "./open-stores.js";
import { systemClock } from "./ports/clock.js";
import { openQueries } from "./query/open-queries.js";
import type { QueryDeps } from "./query/query-deps.js";
import { silentLogger } from "./rpc/logger.js";
import type { StreamingServerSettings } from "./streaming-server-options.js";
import { openSync } from "./sync/open-sync.js";
import type { SyncDeps } from "./sync/sync-deps.js";

/** All domains of `streaming.v1`, running. */
export interface Domains {
  readonly files: FilesDeps;
  readonly events: SubscriptionsDeps;
  readonly chat: ChatDeps;
  readonly data: DataDeps;
  readonly metrics: MetricsDeps;
  readonly batch: BatchDeps;
  readonly sync: SyncDeps;
  readonly queries: QueryDeps;
}

/** Opens all domains over `stores`, which stay open. Disposing of them stops what runs by itself. */
export async function openDomains(
  stores: Stores,
  { limits, processors, mergeFunctions, server }: StreamingServerSettings,
): Promise<Domains & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const { blobs, records, log: eventLog, items, openQueryEngine, clusterId, tokenSecret } = stores;
  const { clock = systemClock, logger: log = silentLogger, authenticate } = server;
  const shared = { records, clusterId, tokenSigner: createTokenSigner(tokenSecret), clock, log };
  const allowAnonymous = authenticate === undefined;

  const files = stack.use(await openFiles({ ...shared, blobs, limits: limits.files }));
  const events = stack.use(await openEvents({ ...shared, eventLog, limits: limits.events }));
  const { feed } = events;
  const chat = stack.use(await openChat({ ...shared, eventLog, feed, limits: limits.chat, allowAnonymous }));
  const sync = await openSync({ ...shared, items, mergeFunctions, maxFilterChars: limits.events.maxFilterChars });
  const keptElsewhere = sync.collections;
  const data = stack.use(await openData({ ...shared, items, limits: limits.data, keptElsewhere }));
  const metrics = stack.use(openMetrics({ ...shared, metrics: stores.metrics, limits: limits.metrics }));
  const batch = stack.use(await openBatches({ ...shared, items, data, events, processors, limits: limits.batch }));
  const queries = stack.use(openQueries({ ...shared, openQueryEngine, limits: limits.queries, allowAnonymous }));

  const opened = stack.move();
  const domains = { files, events, chat, data, metrics, batch, sync, queries };
  return { ...domains, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}
