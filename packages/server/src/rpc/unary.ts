import type { CallContext } from "./call-context.js";
import type { CallServer } from "./serve-call.js";
import { onlyRequest } from "./requests-of.js";

/** Lets an async function serve a unary RPC. */
export function unary<Req, Res>(handler: (request: Req, context: CallContext) => Promise<Res>): CallServer<Req, Res> {
  return async ({ requests, responses }, context, { decode, encode }) => {
    const request = await onlyRequest(requests, decode);
    await responses.write(encode(await handler(request, context)));
  };
}
