import type { CallCounters } from "./rpc/call-counters.js";

/** What a client has done since it was made. Bytes are those of messages, without framing. */
export interface ClientStats extends Readonly<CallCounters> {
  /** Calls under way. */
  readonly active: number;
}
