import { createClient, createTypedClient } from "@millrace/client-sdk";
import {
  type ContractHandlers,
  type ContractContext,
  type ContractHarness,
  ContractService,
  type ContractStage,
  CountingClock,
  openFaultProxy,
  type StageOptions,
} from "@millrace/client-sdk/testing";
import { createServer, type RunningServer, service } from "@millrace/server";

/** The contract's stage as it is in production: real server, real client, a socket between them that can be cut. */
export const socketHarness: ContractHarness = {
  name: "over a socket",
  open: openStage,
  leftovers() {
    const kinds = process.getActiveResourcesInfo();
    const count = (kind: string): number => kinds.filter((one) => one === kind).length;
    return { sockets: count("TCPSocketWrap"), "listening sockets": count("TCPServerWrap"), timers: count("Timeout") };
  },
};

async function openStage(
  handlers: ContractHandlers<ContractContext>,
  { clientClock = new CountingClock(), serverClock = new CountingClock(), serverIdleMs = 0 }: StageOptions = {},
): Promise<ContractStage> {
  const start = (port: number): Promise<RunningServer> =>
    createServer({
      port,
      clock: serverClock,
      services: [service(ContractService, handlers)],
      timeouts: { idleMs: serverIdleMs, bidiIdleMs: serverIdleMs },
    });
  let server = await start(0);
  const { port } = server;
  const proxy = await openFaultProxy(port);
  const client = createClient({ target: proxy.target, clock: clientClock, random: () => 0 });
  return {
    client: createTypedClient(ContractService, client),
    cut: () => proxy.cut(),
    drain: () => server.drain(),
    stop: () => server.kill(),
    async restart() {
      await server.close();
      server = await start(port);
    },
    live() {
      const { calls, handlers: running } = server.stats();
      return {
        "client calls": client.stats().active,
        "client timers": clientClock.pending,
        "server calls": calls,
        "server handlers": running,
        "server timers": serverClock.pending,
      };
    },
    async [Symbol.asyncDispose]() {
      await client.close();
      await server.close();
      await proxy[Symbol.asyncDispose]();
    },
  };
}
