import {
  type MethodDefinition,
  methodPath,
  type PartialMessage,
  type RequestOf,
  type ResponseOf,
  type ServiceDefinition,
} from "@millrace/shared-types";

import type { CallOptions } from "../options.js";
import { CallScope } from "./call-scope.js";
import { countEnd } from "./count-end.js";
import { handled } from "./handled.js";
import { OpenCall } from "./open-call.js";
import { type RpcCore, withDefaults } from "./rpc-core.js";
import type { RequestSource } from "./rpc.js";
import { sendAll } from "./send-all.js";
import { onlyResponse } from "./unary.js";

/** Any number of requests, one response. */
export async function clientStream<M extends MethodDefinition>(
  core: RpcCore,
  service: ServiceDefinition,
  method: M,
  requests: RequestSource<PartialMessage<RequestOf<M>>>,
  callOptions: CallOptions = {},
): Promise<ResponseOf<M>> {
  const options = withDefaults(core, callOptions);
  const scope = new CallScope(methodPath(service, method).slice(1), options, core.clock, core.calls);
  return countEnd(core, scope, async () => {
    const call = new OpenCall(core, scope, method, options);
    const sending = handled(sendAll(requests, call));
    try {
      const response = await onlyResponse(call, scope.method);
      await sending;
      return response;
    } catch (error) {
      call.cancel();
      // What the source threw explains why the call was cancelled.
      await sending;
      throw error;
    }
  });
}
