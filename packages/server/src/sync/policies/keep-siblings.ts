import {
  ChangeOperation,
  invalidField,
  isSameHybridTime,
  MAX_SIBLING_BYTES,
  MAX_SIBLINGS,
  SyncOutcome,
} from "@millrace/shared-types";

import { checkLimit } from "../../events/check-limit.js";
import { deletionOf, type DocumentVersion, siblingsOf, type StoredDocument } from "../document.js";
import { changed } from "./last-writer.js";
import type { PushedChange, Resolution } from "./resolution.js";

/**
 * A change replaces the versions that it includes, and stands next to the others. A deletion removes the versions that
 * it includes; it is no version itself: what it did not know of stays.
 */
export function keepSiblings(current: StoredDocument | undefined, change: PushedChange): Resolution {
  const { version, operation } = change;
  const others = current === undefined || current.deleted ? [] : current.versions.filter((v) => !isIncluded(v, change));
  if (operation === ChangeOperation.DELETE) return deletion(others, version);
  const [made] = changed(current, change).versions;
  if (others.length === 0) return { outcome: SyncOutcome.APPLIED, document: siblingsOf([made]) };
  const document = siblingsOf([made, ...others]);
  checkSiblings(document);
  return { outcome: SyncOutcome.SIBLING, document };
}

function deletion(others: readonly DocumentVersion[], version: DocumentVersion): Resolution {
  // A writer whose version is left alone does not have the document like that.
  const [first, ...rest] = others.map((other) => ({ ...other, isDerived: true }));
  if (first === undefined) return { outcome: SyncOutcome.APPLIED, document: deletionOf(version) };
  return { outcome: SyncOutcome.MERGED, document: siblingsOf([first, ...rest]) };
}

function isIncluded({ time, replicaId, replicaSequence }: DocumentVersion, { base, context }: PushedChange): boolean {
  return isSameHybridTime(time, base) || replicaSequence <= (context.get(replicaId) ?? -1);
}

/** @throws ServiceError `LIMIT_EXCEEDED` */
function checkSiblings({ versions }: StoredDocument): void {
  checkLimit("context", "max_siblings", MAX_SIBLINGS, versions.length);
  const bytes = versions.reduce((sum, { content }) => sum + content.byteLength, 0);
  checkLimit("content", "max_sibling_bytes", MAX_SIBLING_BYTES, bytes);
}

/** @throws ServiceError `INVALID_FIELD` about a change of a collection that keeps no siblings */
export function checkHasNoContext({ context }: Pick<PushedChange, "context">): void {
  if (context.size > 0) throw invalidField("context", "is for collections that keep siblings");
}
