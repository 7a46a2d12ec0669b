import type { ConflictPolicy } from "@millrace/shared-types";

/** How far a replica is in a collection that it follows. */
export interface FollowedState {
  readonly filter: string;
  /** Of the last checkpoint; empty: there was none. */
  readonly cursor: string;
  /** Of the changes that came after that; empty: none came. */
  readonly stagedCursor: string;
  /** What is staged is not to be added to the documents, but to take their place. */
  readonly isReset: boolean;
  /** `undefined`: the server has not said. */
  readonly policy: ConflictPolicy | undefined;
}

export function packFollowed(state: FollowedState): Uint8Array {
  return Buffer.from(JSON.stringify(state));
}

/** What is known of a collection; nothing if it was followed with another filter or not at all. */
export function unpackFollowed(bytes: Uint8Array | undefined, filter: string): FollowedState {
  const fresh = { filter, cursor: "", stagedCursor: "", isReset: true, policy: undefined };
  if (bytes === undefined) return fresh;
  const known = JSON.parse(Buffer.from(bytes).toString()) as FollowedState;
  return known.filter === filter ? { ...known, policy: known.policy } : { ...fresh, policy: known.policy };
}
