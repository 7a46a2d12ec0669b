import { createClient } from "../../client.js";
import { typedMethods } from "../../rpc/typed-methods.js";
import { CountingClock } from "../counting-clock.js";
import { createInMemoryTransport } from "../in-memory-transport.js";
import { ContractService } from "./contract-service.js";
import type { ContractHarness, ContractStage } from "./harness.js";

/** The contract's stage without a connection: client runtime and handlers in one process. */
export const inMemoryHarness: ContractHarness = {
  name: "in memory",
  // One message waits in the transport and one in the hands of each side.
  maxBufferedBytes: 4 * 64 * 1024,
  notHere: {
    "idle timeout of the server: a client that falls silent is told so": "the transport has no timeouts of a server",
  },
  leftovers: () => ({}),

  open(handlers, options = {}): Promise<ContractStage> {
    const clock = options.clientClock ?? new CountingClock();
    const transport = createInMemoryTransport((serve) => serve(ContractService, handlers), { clock });
    const client = createClient({ target: transport.target, transport, clock, random: () => 0 });
    return Promise.resolve({
      client: typedMethods(ContractService, client.rpc),
      cut: () => transport.disconnect(),
      drain: () => transport.drain(),
      stop: () => transport.stop(),
      restart: () => Promise.resolve(transport.restart()),
      live: () => ({
        "client calls": client.stats().active,
        handlers: transport.liveCalls,
        timers: clock.pending,
      }),
      [Symbol.asyncDispose]: () => client.close(),
    });
  },
};
