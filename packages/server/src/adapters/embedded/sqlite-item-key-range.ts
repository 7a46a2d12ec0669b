/** The keys that a scan is about. Runs in the reading thread of a SqliteItemStore: imports only node: modules. */
import type { RowScan } from "../../ports/item-store.js";

/** Keys from `low` on and before `high`, in UTF-8. */
export interface KeyRange {
  readonly low: Uint8Array;
  readonly high: Uint8Array;
}

/** Above all keys: no UTF-8 has this byte. */
const ABOVE_ALL: Uint8Array = Uint8Array.of(0xff);

/** The smallest key after this one. */
export function keyAfter(key: Uint8Array): Uint8Array {
  return Buffer.concat([key, Uint8Array.of(0)]);
}

/** The keys that a scan asks for. */
export function keyRangeOf({ startKey = "", endKey, prefix = "", afterKey, descending = false }: RowScan): KeyRange {
  const [after, start] = [afterKey === undefined ? undefined : Buffer.from(afterKey), Buffer.from(prefix)];
  const lows = [Buffer.from(startKey), start, ...(after && !descending ? [keyAfter(after)] : [])];
  const highs = [
    afterPrefix(start),
    ...(endKey === undefined ? [] : [Buffer.from(endKey)]),
    ...(after && descending ? [after] : []),
  ];
  return {
    low: lows.reduce((a, b) => (Buffer.compare(a, b) < 0 ? b : a)),
    high: highs.reduce((a, b) => (Buffer.compare(a, b) < 0 ? a : b)),
  };
}

/** What comes after all keys that begin with `prefix`. */
function afterPrefix(prefix: Uint8Array): Uint8Array {
  const last = prefix.at(-1);
  if (last === undefined) return ABOVE_ALL;
  const above = Uint8Array.from(prefix);
  above[above.length - 1] = last + 1; // no UTF-8 has 255
  return above;
}
