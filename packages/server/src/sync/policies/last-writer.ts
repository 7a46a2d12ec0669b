import { ChangeOperation, compareHybridTimes, isSameHybridTime, SyncOutcome } from "@millrace/shared-types";

import { deletionOf, documentOf, type DocumentVersion, type StoredDocument } from "../document.js";
import { isForgotten } from "./forgotten.js";
import { JSON_TYPE, mergePatch, parseJson, writeJson } from "./json-patch.js";
import type { PolicyContext, PushedChange, Resolution } from "./resolution.js";

/** The greatest time wins the document. */
export function lastWriter(
  current: StoredDocument | undefined,
  change: PushedChange,
  { horizonMs }: Pick<PolicyContext, "horizonMs">,
): Resolution {
  if (isForgotten(current, change, horizonMs)) return { outcome: SyncOutcome.SUPERSEDED };
  const latest = current?.versions[0];
  if (latest !== undefined && compareHybridTimes(change.version.time, latest.time) < 0)
    return { outcome: SyncOutcome.SUPERSEDED };
  const isConcurrent = latest !== undefined && !isSameHybridTime(change.base, latest.time);
  const outcome = isConcurrent && change.operation === ChangeOperation.PATCH ? SyncOutcome.MERGED : SyncOutcome.APPLIED;
  return { outcome, document: changed(current, change) };
}

/**
 * The document after the change, whatever it was before.
 *
 * @throws ServiceError `INVALID_FIELD` or `LIMIT_EXCEEDED` for a patch that is none, or makes too large a document
 */
export function changed(current: StoredDocument | undefined, change: PushedChange): StoredDocument {
  const { operation, version, base } = change;
  if (operation === ChangeOperation.DELETE) return deletionOf(version);
  if (operation === ChangeOperation.UPSERT) return documentOf(version);
  const versions = current === undefined || current.deleted ? [] : current.versions;
  const target = versions.find(({ time }) => isSameHybridTime(time, base)) ?? versions[0];
  return documentOf(patched(target, version));
}

function patched(target: DocumentVersion | undefined, patch: DocumentVersion): DocumentVersion {
  const value = mergePatch(target && parseJson(target.content), parseJson(patch.content));
  const contentType = target?.contentType ?? (patch.contentType || JSON_TYPE);
  return { ...patch, content: writeJson(value), contentType, isDerived: true };
}
