import type { ChangePage, ChangeScan, CollectionSize, Row, RowPage, RowScan } from "../../ports/item-store.js";

import { compareUtf8 } from "./compare-utf8.js";
import { SortedMap } from "./sorted-map.js";

/** What a vacuum did. */
export interface Vacuumed {
  /** Versions that are gone. */
  readonly removed: number;
  /** Snapshots before this version may lack rows now. */
  readonly snapshotsFrom: number;
  /** Changes after a version below this one may lack tombstones now. */
  readonly changesFrom: number;
}

/** The rows of one collection with the versions they had. */
export class MemoryCollection {
  /** Versions of each key, oldest first. */
  readonly #versions = new SortedMap<Row[]>();
  /** Key of each id that is in use. */
  readonly #keyOfId = new Map<string, string>();
  /** No greater id was ever given to a row whose writer chose none. */
  nextId = 1n;
  #live = 0;
  #liveBytes = 0;
  #version = 0;

  get size(): CollectionSize {
    return { rows: this.#live, dataBytes: this.#liveBytes, version: this.#version };
  }

  /** The newest version of a row, a tombstone too. */
  newest(key: string): Row | undefined {
    return this.#versions.get(key)?.at(-1);
  }

  /** The row as it was at `snapshot`, unless it was deleted. */
  at(key: string, snapshot: number): Row | undefined {
    return rowAt(this.#versions.get(key) ?? [], snapshot);
  }

  /** Key of the row that had `id` at `snapshot`. */
  keyOf(id: string, snapshot: number): string | undefined {
    const current = this.#keyOfId.get(id);
    if (current !== undefined && this.at(current, snapshot)?.id === id) return current;
    for (const [key] of this.#versions) if (this.at(key, snapshot)?.id === id) return key;
    return undefined;
  }

  /** Whether a row other than `key` has `id` now. */
  isTaken(id: string, key: string): boolean {
    return (this.#keyOfId.get(id) ?? key) !== key;
  }

  write(row: Row): void {
    const versions = this.#versions.get(row.key);
    this.#count(versions?.at(-1), -1);
    if (versions === undefined) this.#versions.set(row.key, [row]);
    else versions.push(row);
    this.#count(row, 1);
    this.#version = row.version;
  }

  #count(row: Row | undefined, sign: 1 | -1): void {
    if (row === undefined || row.deleted) return;
    this.#live += sign;
    this.#liveBytes += sign * row.data.byteLength;
    if (sign > 0) this.#keyOfId.set(row.id, row.key);
    else this.#keyOfId.delete(row.id);
  }

  scan(scan: RowScan, snapshot: number): RowPage {
    const rows: Row[] = [];
    let bytes = 0;
    for (const row of this.#inRange(scan, snapshot)) {
      const size = row.head.byteLength + (scan.keysOnly === true ? 0 : row.data.byteLength);
      const isFull = rows.length >= scan.maxRows || (rows.length > 0 && bytes + size > scan.maxBytes);
      if (isFull) return { rows, exhausted: false };
      bytes += size;
      rows.push(scan.keysOnly === true ? { ...row, data: NO_BYTES } : row);
    }
    return { rows, exhausted: true };
  }

  /** The rows that a scan asks for, in its order. */
  *#inRange({ startKey = "", endKey, prefix = "", afterKey, descending }: RowScan, snapshot: number): Generator<Row> {
    const low = compareUtf8(startKey, prefix) < 0 ? prefix : startKey;
    let first = this.#versions.firstNotBelow(low);
    let end = endKey === undefined ? this.#versions.size : this.#versions.firstNotBelow(endKey);
    if (afterKey !== undefined) {
      const after = this.#versions.firstNotBelow(afterKey);
      if (descending === true) end = Math.min(end, after);
      else first = Math.max(first, this.#versions.keyAt(after) === afterKey ? after + 1 : after);
    }
    for (let n = 0; n < end - first; n += 1) {
      const index = descending === true ? end - 1 - n : first + n;
      if (prefix !== "" && this.#versions.keyAt(index)?.startsWith(prefix) !== true) {
        if (descending === true) continue; // those that begin with it come before
        return;
      }
      const row = rowAt(this.#versions.valueAt(index) ?? [], snapshot);
      if (row !== undefined) yield row;
    }
  }

  changes({ afterVersion, maxRows, maxBytes }: ChangeScan): ChangePage {
    const changed = [...this.#versions].flatMap(([, versions]) => versions.slice(-1));
    const later = changed.filter(({ version }) => version > afterVersion).toSorted((a, b) => a.version - b.version);
    const rows: Row[] = [];
    let bytes = 0;
    for (const row of later) {
      const size = row.head.byteLength + row.data.byteLength;
      if (rows.length >= maxRows || (rows.length > 0 && bytes + size > maxBytes)) break;
      bytes += size;
      rows.push(row);
    }
    const exhausted = rows.length === later.length;
    return {
      rows,
      scannedTo: exhausted ? Math.max(afterVersion, this.#version) : (rows.at(-1)?.version ?? 0),
      exhausted,
    };
  }

  /** Removes versions that were replaced before `keepMs`, and tombstones from before `tombstonesMs`. */
  vacuum(keepMs: number, tombstonesMs: number): Vacuumed {
    const vacuumed = { removed: 0, snapshotsFrom: 0, changesFrom: 0 };
    for (const [key, versions] of this.#versions) {
      if (versions.length === 1 && versions[0]?.deleted === false) continue;
      const kept = versions.filter((_, at) => (versions[at + 1]?.updatedAtMs ?? Infinity) >= keepMs);
      const oldest = kept[0];
      if (kept.length < versions.length)
        vacuumed.snapshotsFrom = Math.max(vacuumed.snapshotsFrom, oldest?.version ?? 0);
      if (kept.length === 1 && oldest?.deleted === true && oldest.updatedAtMs < tombstonesMs) {
        vacuumed.changesFrom = Math.max(vacuumed.changesFrom, oldest.version);
        kept.pop();
      }
      vacuumed.removed += versions.length - kept.length;
      versions.splice(0, versions.length, ...kept);
      if (kept.length === 0) this.#versions.delete(key);
    }
    return vacuumed;
  }
}

/** The row as it was at `snapshot`, unless it was deleted. */
function rowAt(versions: readonly Row[], snapshot: number): Row | undefined {
  const newest = versions.at(-1);
  const isNow = newest === undefined || newest.version <= snapshot;
  const row = isNow ? newest : versions.findLast(({ version }) => version <= snapshot);
  return row?.deleted === true ? undefined : row;
}

const NO_BYTES = new Uint8Array(0);
