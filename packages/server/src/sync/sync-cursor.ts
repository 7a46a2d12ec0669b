import type { SyncDeps } from "./sync-deps.js";

const KIND = "sync.collection";

/** How far a replica is in a collection. */
export interface FeedPosition {
  /** Everything up to this version of the store is behind it. */
  readonly version: number;
  /**
   * If it began with nothing and is not through yet: the version of the store when it did. Else 0.
   */
  readonly beganAt: number;
}

/** What a cursor is good for. */
export interface FeedShape {
  /** Its documents in the item store. */
  readonly documents: string;
  readonly filter: string;
}

type CursorDeps = Pick<SyncDeps, "tokenSigner" | "clusterId">;
type Signed = readonly [version: number, beganAt: number];

/** The position as a text that is good for the same collection and filter on the same data. */
export function cursorOf({ version, beganAt }: FeedPosition, shape: FeedShape, deps: CursorDeps): string {
  const position = JSON.stringify([version, beganAt] satisfies Signed);
  return deps.tokenSigner.sign({ ...scopeOf(shape, deps), epoch: "", position });
}

/** @throws ServiceError `INVALID_CURSOR` if it is damaged, or of other data, another collection or filter */
export function positionOf(cursor: string, shape: FeedShape, deps: CursorDeps): FeedPosition {
  const { position } = deps.tokenSigner.verify(cursor, scopeOf(shape, deps));
  const [version, beganAt] = JSON.parse(String(position)) as Signed;
  return { version, beganAt };
}

function scopeOf({ documents, filter }: FeedShape, { clusterId }: CursorDeps) {
  return { kind: KIND, clusterId, shape: JSON.stringify([documents, filter]) };
}
