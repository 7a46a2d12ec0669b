import {
  DEFAULT_LIMITS,
  type Limits,
  StreamingServiceDefinition,
  StreamServiceDefinition,
} from "@millrace/shared-types";

import { infoService } from "./info/info-service.js";
import { openStores, type Stores } from "./open-stores.js";
import { systemClock } from "./ports/clock.js";
import { type BoundService, partialService } from "./rpc/bind-service.js";
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
    const builtIn = builtInServices(stores, limits, rest);
    return await createServer({
      ...rest,
      services: [...builtIn, ...services],
      onClosed: async () => stores[Symbol.asyncDispose](),
    });
  } catch (error) {
    await stores[Symbol.asyncDispose]();
    throw error;
  }
}

/** The domains that are not built yet answer UNIMPLEMENTED. */
function builtInServices(
  stores: Stores,
  limits: Limits,
  { clock = systemClock }: ServerOptions,
): readonly BoundService[] {
  const { clusterId } = stores;
  return [
    partialService(StreamingServiceDefinition, {}),
    partialService(StreamServiceDefinition, {}),
    infoService({ clusterId, features: [], limits, clock }),
  ];
}
