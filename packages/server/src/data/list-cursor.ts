import type { DataDeps } from "./data-deps.js";
import type { ListPlan } from "./list-plan.js";

const KIND = "data.list";

/** Where a listing goes on. */
export interface ListPosition {
  /** Version that it reads at; `undefined`: whatever there is. */
  readonly snapshot: number | undefined;
  /** Rows that it has gone through. */
  readonly scanned: number;
  /** The last of them; `undefined`: none yet. */
  readonly key: string | undefined;
}

type Signed = readonly [snapshot: number | null, scanned: number, key: string | null];

/** The position as a text that is good for listings of the same shape on the same data. */
export function cursorOf({ snapshot, scanned, key }: ListPosition, plan: CursorPlan, deps: CursorDeps): string {
  const position = JSON.stringify([snapshot ?? null, scanned, key ?? null] satisfies Signed);
  return deps.tokenSigner.sign({ ...scopeOf(plan, deps), epoch: "", position });
}

/** @throws ServiceError `INVALID_CURSOR` if it is damaged, or of another dataset, filter, range or order */
export function positionOf(cursor: string, plan: CursorPlan, deps: CursorDeps): ListPosition {
  const { position } = deps.tokenSigner.verify(cursor, scopeOf(plan, deps));
  const [snapshot, scanned, key] = JSON.parse(String(position)) as Signed;
  return { snapshot: snapshot ?? undefined, scanned, key: key ?? undefined };
}

type CursorPlan = Pick<ListPlan, "shape">;
type CursorDeps = Pick<DataDeps, "tokenSigner" | "clusterId">;

function scopeOf(
  { shape }: CursorPlan,
  { clusterId }: CursorDeps,
): { readonly kind: string; readonly clusterId: string; readonly shape: string } {
  return { kind: KIND, clusterId, shape };
}
