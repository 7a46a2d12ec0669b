import { type CallScope } from "./call-scope.js";
import type { RpcCore } from "./rpc-core.js";

/** Runs a call that has one result, counts how it ends, and gives its scope back. */
export async function countEnd<T>({ counters }: RpcCore, scope: CallScope, run: () => Promise<T>): Promise<T> {
  counters.started++;
  try {
    const result = await run();
    counters.completed++;
    return result;
  } catch (error) {
    counters.failed++;
    throw error;
  } finally {
    scope.end();
  }
}
