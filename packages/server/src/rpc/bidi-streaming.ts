import type { CallContext } from "./call-context.js";
import { pump } from "./pump.js";
import { requestsOf } from "./requests-of.js";
import type { CallServer } from "./serve-call.js";

/** Lets an async generator over an iterable serve a bidirectional RPC. It may end before it has read all. */
export function bidiStreaming<Req, Res>(
  handler: (requests: AsyncIterable<Req>, context: CallContext) => AsyncIterable<Res>,
): CallServer<Req, Res> {
  return async ({ requests, responses }, context, { decode, encode }) => {
    const messages = handler(requestsOf(requests, decode), context);
    await pump(messages, (message) => responses.write(encode(message)), context.signal);
  };
}
