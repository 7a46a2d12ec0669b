import { randomUUID } from "node:crypto";

import { HybridClock, type SyncWelcome } from "@millrace/shared-types";

/** A time for which a replica was open and may have pushed. */
export interface Opening {
  readonly incarnation: string;
  /** The last change that was there when it was over; `undefined`: it is not. A server that has later ones of it has those of a copy. */
  readonly lastSequence?: number;
}

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
  /** Those of which the server may have heard last, in order. */
  readonly openings: readonly Opening[];
}

/** Openings of which pushes may still be on their way to the server. */
const MAX_ON_THEIR_WAY = 16;

/** A replica that nobody knows. */
export function newIdentity(): ReplicaIdentity {
  const clock = { wallMs: 0, counter: 0 };
  return { replicaId: randomUUID(), nextSequence: 1, settledSequence: 0, clock, offsetMs: 0, openings: [] };
}

export function packIdentity(identity: ReplicaIdentity): Uint8Array {
  return Buffer.from(JSON.stringify(identity));
}

/** As the replica is when it is opened again. */
export function unpackIdentity(bytes: Uint8Array): ReplicaIdentity {
  const { openings = [], ...rest } = JSON.parse(Buffer.from(bytes).toString()) as StoredIdentity;
  const lastSequence = rest.nextSequence - 1;
  return { ...rest, openings: openings.map((opening) => ({ lastSequence, ...opening })) };
}

/** Older files have no openings. */
type StoredIdentity = Omit<ReplicaIdentity, "openings"> & Partial<ReplicaIdentity>;

/** Whether the newest change that a server has of a replica is one of its own, and not one of a copy of it. */
export function isOwnPast({ openings }: ReplicaIdentity, { incarnation, lastReplicaSequence }: SyncWelcome): boolean {
  if (incarnation === "") return true;
  const opening = openings.find((each) => each.incarnation === incarnation);
  return opening !== undefined && lastReplicaSequence <= (opening.lastSequence ?? Infinity);
}

/**
 * The replica may push from now on, as `incarnation`, to a server that has heard of `before` last. What was pushed
 * between the two may still be on its way.
 */
export function withOpening(identity: ReplicaIdentity, before: string, incarnation: string): ReplicaIdentity {
  const { openings } = identity;
  const lastHeard = openings.findIndex((each) => each.incarnation === before);
  const others = openings.filter((each, index) => index > lastHeard && each.incarnation !== incarnation);
  const heard = openings.filter((each, index) => index === lastHeard && each.incarnation !== incarnation);
  return { ...identity, openings: [...heard, ...others.slice(-MAX_ON_THEIR_WAY), { incarnation }] };
}

/** The clock of a replica, which follows the server's. */
export function clockOf({ replicaId, clock, offsetMs }: ReplicaIdentity, now: () => number): HybridClock {
  return new HybridClock(replicaId, () => Math.max(0, now() + offsetMs), clock);
}
