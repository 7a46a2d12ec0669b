import { createClient } from "../../client.js";
import type { Transport } from "../../rpc/transport.js";
import { typedMethods } from "../../rpc/typed-methods.js";
import { CountingClock } from "../counting-clock.js";
import { createInMemoryTransport } from "../in-memory-transport.js";
import { ContractService } from "./contract-service.js";
import type { ContractHarness, ContractStage } from "./harness.js";

/**
 * The contract's stage without a connection: client runtime and handlers in one process.
 *
 * @param wrap puts another transport around the one in memory, to try that on the contract too
 */
export function createInMemoryHarness(
  name: string = "in memory",
  wrap: (transport: Transport) => Transport = (transport) => transport,
): ContractHarness {
  return {
    name,
    // One message waits in the transport and one in the hands of each side.
    maxBufferedBytes: 4 * 64 * 1024,
    notHere: {
      "idle timeout of the server: a client that falls silent is told so": "the transport has no timeouts of a server",
    },
    leftovers: () => ({}),

    open(handlers, { clientClock: clock = new CountingClock() } = {}): Promise<ContractStage> {
      const server = createInMemoryTransport((serve) => serve(ContractService, handlers), { clock });
      const client = createClient({ target: server.target, transport: wrap(server), clock, random: () => 0 });
      return Promise.resolve({
        client: typedMethods(ContractService, client.rpc),
        cut: () => server.disconnect(),
        drain: () => server.drain(),
        stop: () => server.stop(),
        restart: () => Promise.resolve(server.restart()),
        live: () => ({ "client calls": client.stats().active, handlers: server.liveCalls, timers: clock.pending }),
        [Symbol.asyncDispose]: () => client.close(),
      });
    },
  };
}
