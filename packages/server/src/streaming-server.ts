import {
  createTokenSigner,
  DEFAULT_LIMITS,
  FileServiceDefinition,
  type Limits,
  StreamingServiceDefinition,
  StreamServiceDefinition,
} from "@millrace/shared-types";

import type { FilesDeps, FilesLimits } from "./files/files-deps.js";
import { filesService, fileStreams, openFiles } from "./files/files-service.js";
import { infoService } from "./info/info-service.js";
import { openStores, type Stores } from "./open-stores.js";
import { systemClock } from "./ports/clock.js";
import { type BoundService, partialService, service } from "./rpc/bind-service.js";
import { createServer, type RunningServer } from "./rpc/create-server.js";
import { silentLogger } from "./rpc/logger.js";
import { checkNames, type NumberRanges, resolveNumbers } from "./rpc/number-options.js";
import { SERVER_OPTION_NAMES, type ServerOptions } from "./rpc/server-options.js";

export interface StreamingServerOptions extends Omit<ServerOptions, "onClosed"> {
  /**
   * Folder of everything the server keeps; made if it is missing, held by one process at a time.
   * Left out, everything is kept in memory and gone with the process.
   */
  readonly dataDir?: string;
  /** What files may be. Default: `DEFAULT_LIMITS` of shared-types. */
  readonly fileLimits?: Partial<FilesLimits>;
}

const KIB = 1024;
const DAY_MS = 86_400_000;

const FILE_LIMITS: NumberRanges<Partial<FilesLimits>> = {
  maxChunkBytes: { default: DEFAULT_LIMITS.maxChunkBytes, min: 4 * KIB, max: 32 * KIB * KIB },
  maxFileBytes: { default: DEFAULT_LIMITS.maxFileBytes, min: 1, max: Number.MAX_SAFE_INTEGER },
  uploadTtlMs: { default: DEFAULT_LIMITS.uploadTtlMs, min: 1_000, max: 365 * DAY_MS },
  minPartBytes: { default: DEFAULT_LIMITS.minPartBytes, min: 1, max: KIB * KIB * KIB },
};

/** Optional features of the contract that this server has. */
const FEATURES = ["files.parallel", "files.dedupe"];

/**
 * Starts the whole Millrace server: the `streaming.v1` services over the stores in `dataDir`, and the services of
 * `options` beside them. Closing the server closes the stores.
 *
 * @throws {OptionError} naming an option that is unknown, out of range or unsafe
 * @throws {Error} `DataDirInUseError` if another process holds `dataDir`
 */
export async function createStreamingServer(options: StreamingServerOptions = {}): Promise<RunningServer> {
  checkNames("option", options, [...SERVER_OPTION_NAMES, "dataDir", "fileLimits"]);
  const { dataDir, fileLimits, services = [], ...rest } = options;
  const limits = resolveNumbers("fileLimits", fileLimits, FILE_LIMITS);
  await using stack = new AsyncDisposableStack();
  const stores = stack.use(await openStores(dataDir));
  const files = stack.use(await openFiles(filesOptions(stores, limits, rest)));
  const builtIn = builtInServices(stores.clusterId, files, rest);
  const opened = stack.move();
  try {
    const onClosed = (): Promise<void> => opened.disposeAsync();
    return await createServer({ ...rest, services: [...builtIn, ...services], onClosed });
  } catch (error) {
    await opened.disposeAsync();
    throw error;
  }
}

function filesOptions(
  { blobs, records, clusterId, tokenSecret }: Stores,
  limits: FilesLimits,
  { clock = systemClock, logger = silentLogger }: ServerOptions,
): Parameters<typeof openFiles>[0] {
  return { blobs, records, clusterId, tokenSigner: createTokenSigner(tokenSecret), clock, limits, log: logger };
}

/** The domains that are not built yet answer UNIMPLEMENTED. */
function builtInServices(clusterId: string, files: FilesDeps, options: ServerOptions): readonly BoundService[] {
  const { maxMessageBytes = DEFAULT_LIMITS.maxMessageBytes } = options.limits ?? {};
  const limits: Limits = { ...DEFAULT_LIMITS, ...files.limits, maxMessageBytes };
  return [
    partialService(StreamingServiceDefinition, fileStreams(files)),
    partialService(StreamServiceDefinition, {}),
    service(FileServiceDefinition, filesService(files)),
    infoService({ clusterId, features: FEATURES, limits, clock: files.clock }),
  ];
}
