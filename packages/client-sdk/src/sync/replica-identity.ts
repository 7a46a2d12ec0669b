import { randomUUID } from "node:crypto";

import { HybridClock } from "@millrace/shared-types";

/** What a replica is, beside its documents. */
export interface ReplicaIdentity {
  readonly replicaId: string;
  /** Of the next change that is made here. */
  readonly nextSequence: number;
  /** Everything up to this one has been settled with the server. */
  readonly settledSequence: number;
  /** The last reading of its clock. */
  readonly clock: HybridClock["last"];
  /** How far the server's clock is ahead of this machine's, in milliseconds. */
  readonly offsetMs: number;
}

/** A replica that nobody knows. */
export function newIdentity(): ReplicaIdentity {
  const clock = { wallMs: 0, counter: 0 };
  return { replicaId: randomUUID(), nextSequence: 1, settledSequence: 0, clock, offsetMs: 0 };
}

export function packIdentity(identity: ReplicaIdentity): Uint8Array {
  return Buffer.from(JSON.stringify(identity));
}

export function unpackIdentity(bytes: Uint8Array): ReplicaIdentity {
  return JSON.parse(Buffer.from(bytes).toString()) as ReplicaIdentity;
}

/** The clock of a replica, which follows the server's. */
export function clockOf({ replicaId, clock, offsetMs }: ReplicaIdentity, now: () => number): HybridClock {
  return new HybridClock(replicaId, () => Math.max(0, now() + offsetMs), clock);
}
