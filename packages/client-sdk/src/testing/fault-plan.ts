import type { StatusCode } from "@millrace/shared-types";

import { seededRandom } from "./seeded-random.js";

/** An amount of traffic of one call, counted in both directions. The smaller bound counts. */
export interface Traffic {
  readonly messages?: number;
  /** Of serialized messages, without framing. */
  readonly bytes?: number;
}

/** What goes wrong with one call. All parts may be combined. */
export interface FaultPlan {
  /** The connection is refused: the call never reaches the server. */
  readonly refuse?: boolean;
  /** The call is lost once this much has passed; what reaches it is still delivered. */
  readonly cutAfter?: Traffic;
  /** A black hole once this much has passed: nothing comes, nothing is accepted, nobody is told. */
  readonly stallAfter?: Traffic;
  /** Each response comes this much later, in milliseconds. */
  readonly delayMs?: number;
  /** The call is lost when its first response comes: the server has done its work, the client does not learn it. */
  readonly dropAck?: boolean;
  /** What a lost or refused call ends with, origin `transport`. Default: UNAVAILABLE. */
  readonly status?: { readonly code: StatusCode; readonly message?: string };
}

/** A call that is about to begin. */
export interface PlannedCall {
  readonly path: string;
  /** 0 for the first call of the transport. */
  readonly index: number;
}

/** Decides what goes wrong with a call; `undefined`: nothing. */
export type FaultPlanner = (call: PlannedCall) => FaultPlan | undefined;

export interface RandomFaultOptions {
  /** Part of the calls that something happens to, 0 to 1. Default 0.5. */
  readonly probability?: number;
  /** A cut comes after at most this many messages. Default 20. */
  readonly maxMessages?: number;
}

/**
 * Cuts, refuses and loses answers at random, repeatably by `seed`. Never stalls: a black hole
 * needs somebody who notices it.
 */
export function randomFaults(
  seed: number,
  { probability = 0.5, maxMessages = 20 }: RandomFaultOptions = {},
): FaultPlanner {
  const random = seededRandom(seed);
  return () => {
    if (random() >= probability) return undefined;
    const kind = Math.floor(random() * 3);
    if (kind === 0) return { refuse: true };
    if (kind === 1) return { dropAck: true };
    return { cutAfter: { messages: Math.floor(random() * (maxMessages + 1)) } };
  };
}
