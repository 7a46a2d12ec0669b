import type { CallContext } from "./call-context.js";
import { requestsOf } from "./requests-of.js";
import type { CallServer } from "./serve-call.js";

/** Lets an async function over an iterable serve a client-streaming RPC. It may answer before it has read all. */
export function clientStreaming<Req, Res>(
  handler: (requests: AsyncIterable<Req>, context: CallContext) => Promise<Res>,
): CallServer<Req, Res> {
  return async ({ requests, responses }, context, { decode, encode }) => {
    await responses.write(encode(await handler(requestsOf(requests, decode), context)));
  };
}
