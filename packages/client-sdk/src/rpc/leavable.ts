import type { CallOptions } from "../options.js";
import { PullIterator } from "./pull-iterator.js";

/**
 * What a generator makes with calls. Leaving a loop over it ends it at once and cancels the call that is pending, as
 * `call.signal` does. Each loop begins anew.
 *
 * @param generate gets the options of its calls
 */
export function leavable<T>(
  call: CallOptions,
  generate: (call: CallOptions) => AsyncGenerator<T, undefined, undefined>,
): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const left = new AbortController();
      const signal = call.signal ? AbortSignal.any([call.signal, left.signal]) : left.signal;
      const items = generate({ ...call, signal });
      return new PullIterator(
        async () => (await items.next()).value,
        () => left.abort(),
      );
    },
  };
}
