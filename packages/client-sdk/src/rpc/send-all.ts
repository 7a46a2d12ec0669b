import type { MethodDefinition, PartialMessage, RequestOf } from "@millrace/shared-types";

import type { OpenCall } from "./open-call.js";
import type { RequestSource } from "./rpc.js";

/**
 * Sends what `requests` yields, as the connection accepts it, and half-closes. Stops when the call
 * ends: the source is then told by `return()` and not waited for.
 *
 * @throws whatever the source throws, or a request that cannot be sent; the call is cancelled then
 */
export async function sendAll<M extends MethodDefinition>(
  requests: RequestSource<PartialMessage<RequestOf<M>>>,
  call: OpenCall<M>,
): Promise<void> {
  const untilEnd = untilEndOf(call);
  const source = openSource(requests, call);
  try {
    for (;;) {
      const step = await untilEnd(() => source.next());
      if (step === undefined) return leave(source);
      if (step.done === true) break;
      await call.transport.send(call.encode(step.value));
    }
    call.transport.halfClose();
  } catch (error) {
    call.cancel("the requests failed");
    leave(source);
    throw error;
  }
}

type Source<T> = Iterator<T, unknown, undefined> | AsyncIterator<T, unknown, undefined>;

function openSource<T>(requests: RequestSource<T>, call: OpenCall<MethodDefinition>): Source<T> {
  try {
    return Symbol.asyncIterator in requests ? requests[Symbol.asyncIterator]() : requests[Symbol.iterator]();
  } catch (error) {
    call.cancel("the requests failed");
    throw error;
  }
}

/**
 * Waits for one thing after another, each time no longer than the call goes on; `undefined` once
 * it has ended. Racing each step against `call.ended` would leave a reaction on it per request.
 */
function untilEndOf(call: OpenCall<MethodDefinition>): <T>(begin: () => T | Promise<T>) => Promise<T | undefined> {
  let stop: (() => void) | undefined;
  void call.ended.then(() => stop?.());
  return (begin) =>
    new Promise((resolve, reject) => {
      if (call.end !== undefined) return resolve(undefined);
      stop = () => resolve(undefined);
      Promise.resolve(begin()).then(resolve, reject);
    });
}

/** A source that waits may never answer, so its answer is not waited for. */
function leave(source: Source<unknown>): void {
  try {
    void Promise.resolve(source.return?.()).catch(() => undefined);
  } catch {
    // It is of no use any more.
  }
}
