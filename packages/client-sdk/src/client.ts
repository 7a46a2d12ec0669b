import {
  BatchServiceDefinition,
  ChatServiceDefinition,
  DatasetServiceDefinition,
  EventServiceDefinition,
  FileServiceDefinition,
  HealthDefinition,
  InfoServiceDefinition,
  MetricServiceDefinition,
  QueryServiceDefinition,
  StreamingServiceDefinition,
  StreamServiceDefinition,
  SyncServiceDefinition,
} from "@millrace/shared-types";

import { type BatchApi, createBatchApi } from "./batch/batch-api.js";
import { type ChatApi, createChatApi } from "./chat/chat-api.js";
import { checkCallOptions, checkDrainOptions, checkOptions, checkWaitOptions } from "./check-options.js";
import type { ClientStats } from "./client-stats.js";
import { createDataApi, type DataApi } from "./data/data-api.js";
import { createEventsApi, type EventsApi, type EventsDeps } from "./events/events-api.js";
import { createFilesApi, type FilesApi } from "./files/files-api.js";
import { checkHealth, type ServingStatus } from "./info/health.js";
import { getServerInfo, type ServerInfo } from "./info/server-info.js";
import { createMetricsApi, type MetricsApi } from "./metrics/metrics-api.js";
import type { CallOptions, ClientOptions } from "./options.js";
import { createQueryApi, type QueryApi } from "./query/query-api.js";
import { Connection, type DrainOptions, type WaitOptions } from "./rpc/connection.js";
import { createRpc } from "./rpc/create-rpc.js";
import type { Rpc } from "./rpc/rpc.js";
import type { ClientStatus } from "./rpc/status-feed.js";
import type { ConnectionState } from "./rpc/transport.js";
import { type TypedMethods, typedMethods } from "./rpc/typed-methods.js";
import { createSyncApi, type SyncApi } from "./sync/sync-api.js";

/** The published services as they are on the wire: nothing is resumed. */
export interface RawServices {
  readonly streamingService: TypedMethods<typeof StreamingServiceDefinition>;
  readonly streamService: TypedMethods<typeof StreamServiceDefinition>;
  readonly fileService: TypedMethods<typeof FileServiceDefinition>;
  readonly eventService: TypedMethods<typeof EventServiceDefinition>;
  readonly chatService: TypedMethods<typeof ChatServiceDefinition>;
  readonly datasetService: TypedMethods<typeof DatasetServiceDefinition>;
  readonly metricService: TypedMethods<typeof MetricServiceDefinition>;
  readonly batchService: TypedMethods<typeof BatchServiceDefinition>;
  readonly syncService: TypedMethods<typeof SyncServiceDefinition>;
  readonly queryService: TypedMethods<typeof QueryServiceDefinition>;
  readonly infoService: TypedMethods<typeof InfoServiceDefinition>;
  readonly health: TypedMethods<typeof HealthDefinition>;
}

/** A connection to a server and what can be done with it. */
export interface StreamingClient extends AsyncDisposable {
  readonly files: FilesApi;
  readonly events: EventsApi;
  readonly chat: ChatApi;
  readonly data: DataApi;
  readonly metrics: MetricsApi;
  readonly batch: BatchApi;
  readonly sync: SyncApi;
  readonly query: QueryApi;
  readonly raw: RawServices;
  /** The four kinds of call, for services of your own: see `createTypedClient`. */
  readonly rpc: Rpc;
  /** The server's version, limits and clock. */
  info(options?: CallOptions): Promise<ServerInfo>;
  /** Whether the server, or one of its services by full name, takes calls. */
  health(service?: string, options?: CallOptions): Promise<ServingStatus>;
  /** The same connection with other defaults for calls; closing one closes both. */
  with(defaults: CallOptions): StreamingClient;
  /**
   * Connects if there is no connection, and tries until there is one.
   *
   * @throws {ConnectTimeoutError} after `timeoutMs` (default: `connect.timeoutMs`)
   * @throws {CancelledError} if `signal` aborts
   */
  waitForReady(options?: WaitOptions): Promise<void>;
  readonly state: ConnectionState | "draining";
  /** What happens from now on, until the client is closed. Keeps the newest 64 for a slow reader. */
  status(): AsyncIterable<ClientStatus>;
  stats(): ClientStats;
  /**
   * Takes no more calls and waits until none is under way, at most `timeoutMs` (default 10_000).
   * Resumable calls that are between two attempts fail.
   */
  drain(options?: DrainOptions): Promise<void>;
  /** Ends all calls (UNAVAILABLE, origin `client`) and the connection. Never rejects; may be called again. */
  close(): Promise<void>;
  /** Drains, then closes. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A client that connects when the first call needs it.
 *
 * @throws {TypeError} for an unknown option, or for credentials that would travel in plaintext
 */
export function createClient(options: ClientOptions): StreamingClient {
  checkOptions(options);
  return clientOver(new Connection(options), options.defaults ?? {});
}

/**
 * A client that is connected.
 *
 * @param wait `timeoutMs` defaults to `connect.timeoutMs`
 * @throws {UnavailableError} if the server refuses the connection
 * @throws {ConnectTimeoutError} if there is none after `timeoutMs`
 * @throws {CancelledError} if `signal` aborts
 */
export async function connectClient(options: ClientOptions, wait: WaitOptions = {}): Promise<StreamingClient> {
  checkOptions(options);
  checkWaitOptions(wait);
  const connection = new Connection(options);
  try {
    await connection.connectOnce(wait);
  } catch (error) {
    await connection.close();
    throw error;
  }
  return clientOver(connection, options.defaults ?? {});
}

function clientOver(connection: Connection, defaults: CallOptions): StreamingClient {
  const { clock, transport, statuses, counters, calls } = connection.core;
  const rpc = createRpc({ ...connection.core, defaults });
  const deps: EventsDeps = { rpc, clock, openResumeLoop: (call) => connection.openResumeLoop(call) };
  return {
    files: createFilesApi({ ...deps, target: transport.target }),
    events: createEventsApi(deps),
    chat: createChatApi(deps),
    data: createDataApi(deps),
    metrics: createMetricsApi(deps),
    batch: createBatchApi(deps),
    sync: createSyncApi(deps),
    query: createQueryApi(deps),
    raw: rawServices(rpc),
    rpc,
    info: (options) => getServerInfo(rpc, options),
    health: (service = "", options = {}) => checkHealth(rpc, service, options),
    with(own) {
      checkCallOptions(own);
      const headers = { ...defaults.headers, ...own.headers };
      return clientOver(connection, { ...defaults, ...own, headers });
    },
    async waitForReady(options = {}) {
      checkWaitOptions(options);
      await connection.waitForReady(options);
    },
    get state() {
      return connection.state;
    },
    status: () => statuses.read(),
    stats: () => ({ ...counters, active: calls.size }),
    async drain(options = {}) {
      checkDrainOptions(options);
      await connection.drain(options.timeoutMs);
    },
    close: () => connection.close(),
    async [Symbol.asyncDispose]() {
      await connection.drain();
      await connection.close();
    },
  };
}

function rawServices(rpc: Rpc): RawServices {
  return {
    streamingService: typedMethods(StreamingServiceDefinition, rpc),
    streamService: typedMethods(StreamServiceDefinition, rpc),
    fileService: typedMethods(FileServiceDefinition, rpc),
    eventService: typedMethods(EventServiceDefinition, rpc),
    chatService: typedMethods(ChatServiceDefinition, rpc),
    datasetService: typedMethods(DatasetServiceDefinition, rpc),
    metricService: typedMethods(MetricServiceDefinition, rpc),
    batchService: typedMethods(BatchServiceDefinition, rpc),
    syncService: typedMethods(SyncServiceDefinition, rpc),
    queryService: typedMethods(QueryServiceDefinition, rpc),
    infoService: typedMethods(InfoServiceDefinition, rpc),
    health: typedMethods(HealthDefinition, rpc),
  };
}
