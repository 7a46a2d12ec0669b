import type { Clock } from "./clock.js";
import type { ItemStore, Row, RowMutation, RowOutcome, RowPage } from "./item-store.js";

/** A place where an item store lives: opening it again finds what was committed, if it is persistent. */
export interface ItemStorePlace extends AsyncDisposable {
  /** Rows are stored at the moments that `clock` says. */
  open(clock: Clock): Promise<ItemStore>;
  readonly persistent: boolean;
}

/** More than tests store. */
export const ALL: { readonly maxRows: number; readonly maxBytes: number } = { maxRows: 1000, maxBytes: 1_000_000 };
export const EACH: { readonly atomic: boolean } = { atomic: false };
export const ALL_OR_NONE: { readonly atomic: boolean } = { atomic: true };

export function bytes(text: string): Uint8Array {
  return Buffer.from(text);
}

export function put(key: string, data: string, rest: Partial<RowMutation> = {}, id?: string): RowMutation {
  return {
    collection: "c",
    put: { key, head: bytes("h"), data: bytes(data), ...(id !== undefined && { id }) },
    ...rest,
  };
}

export function remove(key: string, rest: Partial<RowMutation> = {}): RowMutation {
  return { collection: "c", deleteKey: key, ...rest };
}

export function textOf(row: Pick<Row, "data"> | undefined): string | undefined {
  return row && Buffer.from(row.data).toString();
}

export function pairs({ rows }: Pick<RowPage, "rows">): string[] {
  return rows.map((row) => `${row.key}=${row.deleted ? "deleted" : (textOf(row) ?? "")}`);
}

export function types(outcomes: readonly RowOutcome[]): string[] {
  return outcomes.map(({ type }) => type);
}

/** A clock that the test moves. */
export class ContractClock implements Clock {
  nowMs = 1_000_000;
  now(): number {
    return this.nowMs;
  }
  monotonicMs(): number {
    return this.nowMs;
  }
  after(): () => void {
    throw new Error("a store has no timers");
  }
}
