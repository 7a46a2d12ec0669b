import { clientStream } from "./client-stream.js";
import { duplexStream } from "./duplex-stream.js";
import type { RpcCore } from "./rpc-core.js";
import type { Rpc } from "./rpc.js";
import { serverStream } from "./server-stream.js";
import { unary } from "./unary.js";

/** The four kinds of call over one core. */
export function createRpc(core: RpcCore): Rpc {
  return {
    unary: (service, method, request, options) => unary(core, service, method, request, options),
    serverStream: (service, method, request, options) => serverStream(core, service, method, request, options),
    clientStream: (service, method, requests, options) => clientStream(core, service, method, requests, options),
    duplex: (service, method, options) => duplexStream(core, service, method, options),
  };
}
