import type { CallContext } from "./call-context.js";
import { pump } from "./pump.js";
import { onlyRequest } from "./requests-of.js";
import type { CallServer } from "./serve-call.js";

/** Lets an async generator serve a server-streaming RPC. */
export function serverStreaming<Req, Res>(
  handler: (request: Req, context: CallContext) => AsyncIterable<Res>,
): CallServer<Req, Res> {
  return async ({ requests, responses }, context, { decode, encode }) => {
    const request = await onlyRequest(requests, decode);
    await pump(handler(request, context), (message) => responses.write(encode(message)), context.signal);
  };
}
