import { checkCallOptions } from "../check-options.js";
import type { AuthProvider, CallOptions, ClientClock, RetryPolicy } from "../options.js";
import type { CallCounters } from "./call-counters.js";
import type { LiveCalls } from "./live-calls.js";
import type { RetryBudget } from "./retry-budget.js";
import type { StatusFeed } from "./status-feed.js";
import type { Transport } from "./transport.js";

/** What all calls of one client share. */
export interface RpcCore {
  readonly transport: Transport;
  readonly clock: ClientClock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly auth: AuthProvider | undefined;
  /** Of calls that are safe to repeat. */
  readonly retry: RetryPolicy | false;
  readonly budget: RetryBudget;
  /** Largest message to send, in bytes. */
  readonly maxSendBytes: number;
  /** Of every call, unless the call has its own. */
  readonly defaults: CallOptions;
  readonly calls: LiveCalls;
  readonly counters: CallCounters;
  readonly statuses: StatusFeed;
}

/**
 * The options of one call over the client's defaults.
 *
 * @param unaryTimeoutMs default of calls with one request and one response; others have no timeout by default
 * @throws {TypeError} for an unknown option
 * @throws {RangeError} for a number that is none, or below 0
 */
export function withDefaults(core: RpcCore, options: CallOptions, unaryTimeoutMs?: number): CallOptions {
  checkCallOptions(options);
  const { timeoutMs, ...defaults } = core.defaults;
  return {
    // A deadline that is right for a short call would end every stream.
    ...(unaryTimeoutMs !== undefined && { timeoutMs: timeoutMs ?? unaryTimeoutMs }),
    ...defaults,
    ...definedOf(options),
    headers: { ...defaults.headers, ...options.headers },
  };
}

/** An option that is given as `undefined` is left out. */
function definedOf(options: CallOptions): CallOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
