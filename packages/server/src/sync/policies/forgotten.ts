import type { StoredDocument } from "../document.js";
import type { PushedChange } from "./resolution.js";

/**
 * Whether a change was made on a document that has been deleted so long ago that the deletion is forgotten, and that
 * may have been after the change: applying it could bring back what was deleted.
 */
export function isForgotten(current: StoredDocument | undefined, change: PushedChange, horizonMs: number): boolean {
  return current === undefined && change.base !== undefined && change.version.time.wallMs <= horizonMs;
}
