#!/usr/bin/env node
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
  const { createStreamingServer } = await import("./streaming-server.js");
  const { host, port, dataDir, insecure, tls, drainGraceMs } = config;
  return createStreamingServer({
    host,
    port,
    dataDir,
    insecure,
    ...(tls && { tls }),
    timeouts: { drainGraceMs },
    logger,
  });
}

/** The first signal drains, the second does not wait. */
function stopOnSignals(server: RunningServer, log: Logger): void {
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    log.info({ signal }, stopping ? "stopping now" : "draining");
    if (stopping) void exitAfter(server.kill(), EXIT_FAILED, log);
    else void exitAfter(server.close(), 0, log);
    stopping = true;
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}

/** After an error that nobody caught, the process's state is unknown: finish what runs and leave, to be restarted. */
function stopOnBugs(server: RunningServer, log: Logger): void {
  const stop = (err: unknown, event: string): void => {
    log.error({ err, event }, "unforeseen error; draining");
    void exitAfter(server.close(), EXIT_FAILED, log);
  };
  process.on("uncaughtException", stop);
  process.on("unhandledRejection", (reason) => stop(reason, "unhandledRejection"));
}

async function exitAfter(closing: Promise<void>, code: number, log: Logger): Promise<void> {
  try {
    await closing;
    log.info({ code }, "stopped");
    process.exit(code);
  } catch (err) {
    log.error({ err }, "could not close cleanly");
    process.exit(EXIT_FAILED);
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const isUsage = error instanceof OptionError;
  process.stderr.write(`millrace-server: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = isUsage ? EXIT_USAGE : EXIT_FAILED;
}
