import { checkNames, type NamesOf } from "./option-names.js";
import type { Backoff, CallOptions, ClientOptions, ResumePolicy, RetryPolicy } from "./options.js";
import type { DrainOptions, WaitOptions } from "./rpc/connection.js";
import { hasNoHost } from "./rpc/target.js";

// Each table has every option there is: it does not compile unless it equals its type.

const BACKOFF: NamesOf<Backoff> = { initialMs: "number", maxMs: "number", multiplier: "number" };

const RETRY: NamesOf<RetryPolicy> = { maxAttempts: "number", backoff: BACKOFF };

/** Of a {@link ResumePolicy}. */
export const RESUME_NAMES: NamesOf<ResumePolicy> = {
  maxAttempts: "number",
  maxElapsedMs: "number",
  backoff: BACKOFF,
  shouldResume: "any",
};

/** Of {@link CallOptions}. */
export const CALL_NAMES: NamesOf<CallOptions> = {
  signal: "any",
  timeoutMs: "number",
  idleTimeoutMs: "number",
  headers: "any",
  retry: RETRY,
  onHeaders: "any",
  onTrailers: "any",
};

const CLIENT_NAMES: NamesOf<ClientOptions> = {
  target: "any",
  tls: { ca: "any", cert: "any", key: "any", serverName: "any" },
  auth: "any",
  connect: { timeoutMs: "number" },
  keepAlive: { intervalMs: "number", timeoutMs: "number", whileIdle: "any" },
  retry: RETRY,
  resume: RESUME_NAMES,
  limits: { maxReceiveBytes: "number", maxSendBytes: "number", receiveWindowBytes: "number" },
  defaults: { timeoutMs: "number", idleTimeoutMs: "number", headers: "any" },
  transport: "any",
  clock: "any",
  random: "any",
};

const WAIT_NAMES: NamesOf<WaitOptions> = { timeoutMs: "number", signal: "any" };

const DRAIN_NAMES: NamesOf<DrainOptions> = { timeoutMs: "number" };

/** Refuses options of a client as {@link checkNames} does, and a target that is missing or has no host. */
export function checkOptions(options: ClientOptions): void {
  // One that is misspelled is told before the one that is then missing.
  if (typeof (options as unknown) === "object") checkNames(options, CLIENT_NAMES);
  if (typeof options.target !== "string" || options.target === "") {
    throw new TypeError("option 'target' is missing: where is the server?");
  }
  if (hasNoHost(options.target))
    throw new TypeError(`option 'target' is ${JSON.stringify(options.target)}, without a host`);
}

/** Refuses options of a call as {@link checkNames} does. */
export function checkCallOptions(options: CallOptions): void {
  checkNames(options, CALL_NAMES);
}

/** Refuses options of waiting as {@link checkNames} does. */
export function checkWaitOptions(options: WaitOptions): void {
  checkNames(options, WAIT_NAMES);
}

/** Refuses options of a drain as {@link checkNames} does. */
export function checkDrainOptions(options: DrainOptions): void {
  checkNames(options, DRAIN_NAMES);
}
