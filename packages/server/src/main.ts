#!/usr/bin/env node
import { boundGarbage } from "./bound-garbage.js";
import { type Config, helpText, readConfig } from "./config.js";
import { createLogger } from "./logging.js";
import { OptionError } from "./rpc/number-options.js";
import type { RunningServer } from "./rpc/create-server.js";
import type { Logger } from "./rpc/logger.js";

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

async function main(argv: readonly string[]): Promise<void> {
  if (argv.includes("--help")) {
    process.stdout.write(helpText());
    return;
  }
  const config = readConfig(argv, process.env);
  const log = createLogger(config.logLevel);
  const server = await open(config, log);
  stopOnSignals(server, log);
  stopOnBugs(server, log);
  log.info({ address: server.address, dataDir: config.dataDir }, "ready");
  process.stdout.write(`millrace ready on ${server.address}\n`);
}

/** Everything that costs time to import comes only now, after the configuration is known to be good. */
async function open(config: Config, logger: Logger): Promise<RunningServer> {
  if (!config.freeHeap) boundGarbage();
  const { createStreamingServer } = await import("./streaming-server.js");
  const { host, port, dataDir, insecure, tls, drainGraceMs, retention } = config;
  return createStreamingServer({
    host,
    port,
    dataDir,
    insecure,
    ...(tls && { tls }),
    timeouts: { drainGraceMs },
    eventLimits: retention,
    logger,
  });
}

/** The first signal drains, the second does not wait: it cuts calls off, and the exit code says so. */
function stopOnSignals(server: RunningServer, log: Logger): void {
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    log.info({ signal }, stopping ? "stopping now" : "draining");
    if (stopping) process.exitCode = EXIT_FAILED;
    void exitAfter(stopping ? server.kill() : server.close(), log);
    stopping = true;
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}

/** After an error that nobody caught, the process's state is unknown: finish what runs and leave, to be restarted. */
function stopOnBugs(server: RunningServer, log: Logger): void {
  const stop = (err: unknown, event: string): void => {
    log.error({ err, event }, "unforeseen error; draining");
    process.exitCode = EXIT_FAILED;
    void exitAfter(server.close(), log);
  };
  process.on("uncaughtException", stop);
  process.on("unhandledRejection", (reason) => stop(reason, "unhandledRejection"));
}

/** Exits with `process.exitCode`, which whatever goes wrong before the end may still set. */
async function exitAfter(closing: Promise<void>, log: Logger): Promise<void> {
  try {
    await closing;
    log.info({ code: process.exitCode ?? 0 }, "stopped");
    process.exit();
  } catch (err) {
    log.error({ err }, "could not close cleanly");
    process.exit(EXIT_FAILED);
  }
}

try {
  await import("./require-node.js");
  await main(process.argv.slice(2));
} catch (error) {
  const isUsage = error instanceof OptionError;
  process.stderr.write(`millrace-server: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = isUsage ? EXIT_USAGE : EXIT_FAILED;
}
