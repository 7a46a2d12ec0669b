import {
  createTokenSigner,
  DEFAULT_LIMITS,
  FileServiceDefinition,
  type Limits,
  StreamingServiceDefinition,
  StreamServiceDefinition,
} from "@millrace/shared-types";

import type { FilesDeps } from "./files/files-deps.js";
import { filesService, fileStreams, openFiles } from "./files/files-service.js";
import { infoService } from "./info/info-service.js";
import { openStores, type Stores } from "./open-stores.js";
import { type Clock, systemClock } from "./ports/clock.js";
import { type BoundService, partialService, service } from "./rpc/bind-service.js";
import { createServer, type RunningServer } from "./rpc/create-server.js";
import { checkNames } from "./rpc/number-options.js";
import { SERVER_OPTION_NAMES, type ServerOptions } from "./rpc/server-options.js";

export interface StreamingServerOptions extends Omit<ServerOptions, "onClosed"> {
  /**
   * Folder of everything the server keeps; made if it is missing, held by one process at a time.
   * Left out, everything is kept in memory and gone with the process.
   */
  readonly dataDir?: string;
  /** What files may be. Default: `DEFAULT_LIMITS` of shared-types. */
  readonly fileLimits?: Partial<Omit<Limits, "maxMessageBytes">>;
}

/**
 * Starts the whole Millrace server: the `streaming.v1` services over the stores in `dataDir`, and the services of
 * `options` beside them. Closing the server closes the stores.
 *
 * @throws {OptionError} naming an option that is unknown, out of range or unsafe
 */
export async function createStreamingServer(options: StreamingServerOptions = {}): Promise<RunningServer> {
  checkNames("option", options, [...SERVER_OPTION_NAMES, "dataDir", "fileLimits"]);
  const { dataDir, fileLimits, services = [], ...rest } = options;
  const stores = await openStores(dataDir);
  const limits = { ...DEFAULT_LIMITS, ...fileLimits };
  try {
    const { clock = systemClock, logger } = rest;
    const files = await openFiles({
      ...stores,
      tokenSigner: createTokenSigner(stores.tokenSecret),
      clock,
      limits,
      ...(logger && { log: logger }),
    });
    return await createServer({
      ...rest,
      services: [...builtInServices(stores, files, limits, clock), ...services],
      onClosed: async () => {
        await files[Symbol.asyncDispose]();
        await stores[Symbol.asyncDispose]();
      },
    });
  } catch (error) {
    await stores[Symbol.asyncDispose]();
    throw error;
  }
}

/** The domains that are not built yet answer UNIMPLEMENTED. */
function builtInServices(
  { clusterId }: Stores,
  files: FilesDeps,
  limits: Limits,
  clock: Clock,
): readonly BoundService[] {
  return [
    partialService(StreamingServiceDefinition, fileStreams(files)),
    partialService(StreamServiceDefinition, {}),
    service(FileServiceDefinition, filesService(files)),
    infoService({ clusterId, features: ["files.dedupe", "files.parallel"], limits, clock }),
  ];
}
