import { ServiceError, SyncOutcome } from "@millrace/shared-types";

import type { CollectionRecord } from "./collections.js";
import type { ReplicaRecord } from "./replica-record.js";

/** What became of one change, before it is committed. */
export interface HandledChange {
  readonly sequence: number;
  readonly outcome: SyncOutcome;
  readonly error?: ServiceError | undefined;
  /** The document that it is about, if there is such a collection. */
  readonly about?: { readonly collection: CollectionRecord; readonly docId: string } | undefined;
  /** It has a place among the replica's changes that was not taken before. */
  readonly isNew: boolean;
}

/** Whether a change did not become the current version. */
export function isRefusal(outcome: SyncOutcome): boolean {
  return outcome === SyncOutcome.CONFLICT || outcome === SyncOutcome.REJECTED || outcome === SyncOutcome.SUPERSEDED;
}

/** Why a change that comes after a hole is not applied. */
export function gap(expected: number, actual: number): ServiceError {
  const message = `the next change of this replica has replica_sequence ${String(expected)}, not ${String(actual)}`;
  return new ServiceError("FUTURE_POSITION", message, { metadata: { last_sequence: expected - 1 } });
}

/** Whether changes before this one are missing. */
export function isAfterHole({ error }: HandledChange): boolean {
  return error?.reason === "FUTURE_POSITION";
}

/** Why a change that is sent again was refused the first time. */
export function rememberedRefusal(
  { sequence, outcome }: HandledChange,
  { refused }: ReplicaRecord,
): ServiceError | undefined {
  if (outcome !== SyncOutcome.DUPLICATE) return undefined;
  const found = refused.find((each) => each.sequence === sequence);
  return found && new ServiceError(found.reason, "it was refused when it came first");
}
