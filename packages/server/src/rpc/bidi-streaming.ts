import type { EncodedMessages } from "@millrace/shared-types";

import type { CallContext } from "./call-context.js";
import { pump } from "./pump.js";
import { requestsOf } from "./requests-of.js";
import type { CallServer } from "./serve-call.js";
import { writeResponse } from "./write-response.js";

/** Lets an async generator over an iterable serve a bidirectional RPC. It may end before it has read all. */
export function bidiStreaming<Req, Res>(
  handler: (requests: AsyncIterable<Req>, context: CallContext) => AsyncIterable<Res | EncodedMessages>,
): CallServer<Req, Res> {
  return async ({ requests, responses }, context, { decode, encode }) => {
    const messages = handler(requestsOf(requests, decode), context);
    await pump(messages, (response) => writeResponse(response, responses, encode), context.signal);
  };
}
