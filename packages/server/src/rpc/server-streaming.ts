import type { EncodedMessages } from "@millrace/shared-types";

import type { CallContext } from "./call-context.js";
import { pump } from "./pump.js";
import { onlyRequest } from "./requests-of.js";
import type { CallServer } from "./serve-call.js";
import { writeResponse } from "./write-response.js";

/** Lets an async generator serve a server-streaming RPC. */
export function serverStreaming<Req, Res>(
  handler: (request: Req, context: CallContext) => AsyncIterable<Res | EncodedMessages>,
): CallServer<Req, Res> {
  return async ({ requests, responses }, context, { decode, encode }) => {
    const request = await onlyRequest(requests, decode);
    await pump(handler(request, context), (response) => writeResponse(response, responses, encode), context.signal);
  };
}
