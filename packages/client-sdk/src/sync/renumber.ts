import { overlayWrite } from "./overlay.js";
import { packPending, pendingKey } from "./pending-change.js";
import { newIdentity, type ReplicaIdentity } from "./replica-identity.js";
import type { ReplicaStore, ReplicaWrite } from "./replica-store.js";
import { pendingIn, put, Table } from "./replica-tables.js";

/** A replica that the server does not know yet, with what was pending before. */
export interface Renumbered {
  readonly identity: ReplicaIdentity;
  readonly writes: readonly ReplicaWrite[];
}

/** Pending changes become those of a new replica: the first ones that it makes. */
export function renumbered(store: ReplicaStore, identity: ReplicaIdentity): Renumbered {
  const writes: ReplicaWrite[] = [{ type: "clear", table: Table.PENDING, prefix: "" }];
  let sequence = 0;
  for (const change of pendingIn(store, identity.settledSequence)) {
    sequence += 1;
    writes.push(put(Table.PENDING, pendingKey(sequence), packPending({ ...change, sequence })));
    writes.push(...overlayWrite(store, change, { pendingSequence: sequence }));
  }
  const { replicaId } = newIdentity();
  return { identity: { ...identity, replicaId, settledSequence: 0, nextSequence: sequence + 1, openings: [] }, writes };
}
