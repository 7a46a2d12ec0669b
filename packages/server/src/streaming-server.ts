import { builtInServices } from "./built-in-services.js";
import { openDomains } from "./open-domains.js";
import { openStores } from "./open-stores.js";
import { createServer, type RunningServer } from "./rpc/create-server.js";
import { silentLogger } from "./rpc/logger.js";
import { resolveStreamingServerOptions, type StreamingServerOptions } from "./streaming-server-options.js";
import { StoreLosses } from "./upkeep/store-losses.js";

/**
 * Starts the whole Millrace server: the `streaming.v1` services over the stores in `dataDir`, and the services of
 * `options` beside them. Closing the server closes the stores.
 *
 * @throws {OptionError} naming an option that is unknown, out of range or unsafe
 * @throws {Error} `DataDirInUseError` if another process holds `dataDir`
 */
export async function createStreamingServer(options: StreamingServerOptions = {}): Promise<RunningServer> {
  const settings = resolveStreamingServerOptions(options);
  const { dataDir, limits, server } = settings;
  await using stack = new AsyncDisposableStack();
  const losses = new StoreLosses(server.logger ?? silentLogger);
  const stores = stack.use(await openStores(dataDir, { ...limits.metrics, onLost: (error) => losses.add(error) }));
  const domains = stack.use(await openDomains(stores, settings));
  const builtIn = builtInServices(stores.clusterId, domains, server.limits?.maxMessageBytes);
  const opened = stack.move();
  try {
    const onClosed = (): Promise<void> => opened.disposeAsync();
    const running = await createServer({ ...server, services: [...builtIn, ...(server.services ?? [])], onClosed });
    losses.tell(running.health);
    return running;
  } catch (error) {
    await opened.disposeAsync();
    throw error;
  }
}
