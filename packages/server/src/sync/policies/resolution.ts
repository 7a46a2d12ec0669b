import type { ChangeOperation, HybridTime, ServiceError, SyncOutcome } from "@millrace/shared-types";

import type { DocumentVersion, StoredDocument } from "../document.js";
import type { MergeFunction } from "../merge-function.js";
import type { ServerClock } from "../server-clock.js";

/** A change that a replica pushed, checked. */
export interface PushedChange {
  readonly collection: string;
  readonly docId: string;
  readonly operation: typeof ChangeOperation.UPSERT | typeof ChangeOperation.PATCH | typeof ChangeOperation.DELETE;
  /** What it makes of the document; of a patch, the patch. */
  readonly version: DocumentVersion;
  /** The version that it was made on; `undefined`: none was known. */
  readonly base: HybridTime | undefined;
  /** Newest sequence of each replica that it replaces. */
  readonly context: ReadonlyMap<string, number>;
  /** When fields were changed that are older than the change. */
  readonly fieldTimes: ReadonlyMap<string, HybridTime>;
}

/** What becomes of a change. */
export type Resolution =
  /** The document that is stored now. */
  | {
      readonly outcome: typeof SyncOutcome.APPLIED | typeof SyncOutcome.MERGED | typeof SyncOutcome.SIBLING;
      readonly document: StoredDocument;
    }
  /** Nothing is stored. */
  | { readonly outcome: typeof SyncOutcome.SUPERSEDED; readonly document?: undefined }
  | {
      readonly outcome: typeof SyncOutcome.CONFLICT | typeof SyncOutcome.REJECTED;
      readonly document?: undefined;
      readonly error: ServiceError;
    };

/** What policies know besides the change. */
export interface PolicyContext {
  readonly serverClock: ServerClock;
  /** Deletions before this moment, in milliseconds since 1970, may be forgotten. */
  readonly horizonMs: number;
  readonly mergeFunction: MergeFunction | undefined;
}

/**
 * How a collection deals with a change.
 *
 * @param current the document; `undefined` if there is none and nothing is known of its deletion
 */
export type Policy = (
  current: StoredDocument | undefined,
  change: PushedChange,
  context: PolicyContext,
) => Resolution | Promise<Resolution>;
