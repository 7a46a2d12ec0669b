import type { RowMutation } from "./item-store.js";

const MAX_KEY_BYTES = 1024;
const MAX_ID = 2n ** 63n - 1n;

/**
 * Refuses mutations that no store takes: callers are to look at what clients send themselves, and to tell them.
 *
 * @throws {TypeError} saying which one and why
 */
export function checkMutations(mutations: readonly RowMutation[]): void {
  for (const [index, mutation] of mutations.entries()) {
    const problem = problemOf(mutation);
    if (problem !== undefined) throw new TypeError(`mutation ${String(index)}: ${problem}`);
  }
}

function problemOf({ put, deleteKey, deleteHead, ifVersion, ifNewest }: RowMutation): string | undefined {
  const key = put?.key ?? deleteKey;
  if (key === undefined || (put !== undefined && deleteKey !== undefined)) return "it is not one put or delete";
  const keyBytes = key.length > MAX_KEY_BYTES ? key.length : Buffer.byteLength(key);
  if (keyBytes < 1 || keyBytes > MAX_KEY_BYTES || !key.isWellFormed()) return "its key is not 1 to 1024 bytes of UTF-8";
  if (put?.id !== undefined && !isRowId(put.id)) return `${put.id} is no id`;
  if (put !== undefined && deleteHead !== undefined) return "it is a put with the head of a tombstone";
  if (ifVersion !== undefined && ifNewest !== undefined) return "it insists on two versions";
  const version = ifVersion ?? ifNewest ?? 0;
  if (!Number.isSafeInteger(version) || version < 0) return `${String(version)} is no version`;
  return undefined;
}

/** Whether a row can have this id. */
export function isRowId(text: string): boolean {
  return /^[1-9]\d{0,18}$/.test(text) && BigInt(text) <= MAX_ID;
}
