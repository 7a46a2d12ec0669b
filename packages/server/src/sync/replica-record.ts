import { isReason, type Reason, ServiceError, SyncOutcome } from "@millrace/shared-types";

import type { ItemStore, Row, RowMutation } from "../ports/item-store.js";

import { REPLICAS } from "./collections.js";

/** Outcomes of refused changes that are remembered: those of the newest changes. A replica has no more on their way. */
const REMEMBERED = 1000;

/** A change that was refused. */
export interface RefusedChange {
  readonly sequence: number;
  readonly outcome: typeof SyncOutcome.CONFLICT | typeof SyncOutcome.REJECTED;
  readonly reason: Reason;
}

/** What the server knows of a replica. */
export interface ReplicaRecord {
  /** Whose it is. */
  readonly userId: string;
  /** Newest change of it that has been handled. */
  readonly lastSequence: number;
  /** That pushed it; empty if it did not say. */
  readonly incarnation: string;
  readonly refused: readonly RefusedChange[];
  /** Of its row; 0: there is none yet. */
  readonly version: number;
}

interface StoredReplica {
  readonly user: string;
  readonly last: number;
  /** Older rows have none. */
  readonly by?: string;
  readonly refused: readonly (readonly [sequence: number, outcome: number, reason: string])[];
}

/**
 * What is known of a replica; nothing of one that is new.
 *
 * @throws ServiceError `PERMISSION_DENIED` if it is somebody else's
 */
export async function loadReplica(items: ItemStore, replicaId: string, userId: string): Promise<ReplicaRecord> {
  const [row] = await items.getAll(REPLICAS, [replicaId]);
  const record = row === undefined ? newReplica(userId) : readReplica(row);
  if (record.userId !== userId) {
    const message = `replica ${JSON.stringify(replicaId)} belongs to another user`;
    throw new ServiceError("PERMISSION_DENIED", message, { metadata: { permission: "sync.replica" } });
  }
  return record;
}

function newReplica(userId: string): ReplicaRecord {
  return { userId, lastSequence: 0, incarnation: "", refused: [], version: 0 };
}

function readReplica({ data, version }: Row): ReplicaRecord {
  const { user, last, by = "", refused } = JSON.parse(Buffer.from(data).toString()) as StoredReplica;
  return { userId: user, lastSequence: last, incarnation: by, refused: refused.flatMap(readRefused), version };
}

function readRefused([sequence, code, reason]: StoredReplica["refused"][number]): readonly RefusedChange[] {
  const outcome = code === SyncOutcome.CONFLICT ? SyncOutcome.CONFLICT : SyncOutcome.REJECTED;
  return isReason(reason) ? [{ sequence, outcome, reason }] : [];
}

/** Stores what is known of a replica after it has pushed, unless that is not what it was at `record.version` any more. */
export function replicaMutation(replicaId: string, { version, ...record }: ReplicaRecord): RowMutation {
  const { userId, lastSequence, incarnation, refused } = record;
  const remembered = refused.filter(({ sequence }) => sequence > lastSequence - REMEMBERED);
  const stored: StoredReplica = {
    user: userId,
    last: lastSequence,
    ...(incarnation !== "" && { by: incarnation }),
    refused: remembered.map(({ sequence, outcome, reason }) => [sequence, outcome, reason]),
  };
  const put = { key: replicaId, head: new Uint8Array(0), data: Buffer.from(JSON.stringify(stored)) };
  return { collection: REPLICAS, put, ifVersion: version };
}
