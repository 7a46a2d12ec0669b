import { setImmediate as turn } from "node:timers/promises";

import { partialService } from "../rpc/bind-service.js";
import { createServer, type RunningServer } from "../rpc/create-server.js";
import type { ServerOptions } from "../rpc/server-options.js";
import { CountingClock } from "./leak-guard.js";
import { RecordingLogger } from "./recording-logger.js";
import { type TestHandlers, TestService } from "./test-service.js";

/** A server on a free port, with what a test wants to look at afterwards. */
export interface TestServer extends AsyncDisposable {
  readonly server: RunningServer;
  readonly address: string;
  readonly log: RecordingLogger;
  readonly clock: CountingClock;
  /** Resolves once no call is open and no handler runs. */
  idle(): Promise<void>;
}

/** Serves {@link TestService} with `handlers`, real sockets and short graces. Closed with `await using`. */
export async function startTestServer(handlers: TestHandlers = {}, options: ServerOptions = {}): Promise<TestServer> {
  const log = new RecordingLogger();
  const clock = new CountingClock();
  const services = [partialService(TestService, handlers), ...(options.services ?? [])];
  const timeouts = { drainGraceMs: 2_000, handlerStopMs: 1_000, ...options.timeouts };
  const server = await createServer({ port: 0, logger: log, clock, ...options, services, timeouts });
  return {
    server,
    address: server.address,
    log,
    clock,
    idle: () => untilIdle(server),
    [Symbol.asyncDispose]: () => server.close(),
  };
}

async function untilIdle(server: RunningServer): Promise<void> {
  for (let stats = server.stats(); stats.calls + stats.handlers > 0; stats = server.stats()) await turn();
}
