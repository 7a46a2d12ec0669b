import {
  type MethodDefinition,
  methodPath,
  type PartialMessage,
  type RequestOf,
  type ResponseOf,
  type ServiceDefinition,
} from "@millrace/shared-types";

import { InternalError, StreamingError } from "../errors.js";
import type { CallOptions, RetryPolicy } from "../options.js";
import { CallScope } from "./call-scope.js";
import { countEnd } from "./count-end.js";
import { OpenCall } from "./open-call.js";
import { type Outcome, retrying } from "./retry.js";
import { type RpcCore, withDefaults } from "./rpc-core.js";

const DEFAULT_TIMEOUT_MS = 30_000;

/** One request, one response; tried again by the retry policy if that is safe. */
export async function unary<M extends MethodDefinition>(
  core: RpcCore,
  service: ServiceDefinition,
  method: M,
  request: PartialMessage<RequestOf<M>>,
  callOptions: CallOptions = {},
): Promise<ResponseOf<M>> {
  const options = withDefaults(core, callOptions, DEFAULT_TIMEOUT_MS);
  const scope = new CallScope(methodPath(service, method).slice(1), options, core.clock, core.calls);
  const { clock, random, budget, statuses, counters } = core;
  const { signal, deadline } = scope;
  const onWait = (error: StreamingError, attempt: number, delayMs: number): void => {
    counters.retries++;
    statuses.publish({ type: "backoff", method: scope.method, attempt, delayMs, error });
  };
  return countEnd(core, scope, () =>
    retrying(retryPolicyOf(core, method, options), { clock, random, budget, signal, deadline, onWait }, (attempt) =>
      attemptOnce(new OpenCall(core, scope, method, options, attempt), request, scope),
    ),
  );
}

function retryPolicyOf(core: RpcCore, method: MethodDefinition, options: CallOptions): RetryPolicy | false {
  if (options.retry !== undefined) return options.retry;
  return method.options.idempotencyLevel === undefined ? false : core.retry;
}

async function attemptOnce<M extends MethodDefinition>(
  call: OpenCall<M>,
  request: PartialMessage<RequestOf<M>>,
  scope: CallScope,
): Promise<Outcome<ResponseOf<M>>> {
  try {
    void call.transport.send(call.encode(request));
    call.transport.halfClose();
    return { value: await onlyResponse(call, scope.method) };
  } catch (error) {
    call.cancel();
    if (StreamingError.is(error)) return { error };
    throw error;
  }
}

/**
 * The response of a call that has exactly one.
 *
 * @throws {StreamingError} what the call failed with
 */
export async function onlyResponse<M extends MethodDefinition>(
  call: OpenCall<M>,
  method: string,
): Promise<ResponseOf<M>> {
  const response = await call.receive();
  const second = response === undefined ? undefined : await call.receive();
  if (second !== undefined) throw new InternalError("the server sent more than one response", { method });
  if (call.end?.type === "failed") throw call.end.error;
  if (response === undefined) throw new InternalError("the server sent no response", { method });
  return response;
}
