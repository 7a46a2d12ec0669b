/** A version of a document, as a merge function sees it. */
export interface MergeVersion {
  /** Do not change it. */
  readonly content: Uint8Array;
  readonly contentType: string;
  /** Who wrote it; empty for an anonymous caller, and for what the server merged. */
  readonly userId: string;
  /** Wall clock of its writer, in milliseconds since 1970. */
  readonly timeMs: number;
}

/** Two concurrent changes of a document. A version that is `undefined` is a deletion. */
export interface MergeConflict {
  readonly collection: string;
  readonly documentId: string;
  /** What is stored. */
  readonly current: MergeVersion | undefined;
  /** What comes now. */
  readonly incoming: MergeVersion | undefined;
}

/** What becomes of the document; `undefined` deletes it. */
export type Merged = Pick<MergeVersion, "content" | "contentType"> | undefined;

/**
 * Merges concurrent changes of the documents of a collection whose policy is MERGE_FUNCTION. It should depend on its
 * argument alone, and may be called several times for one change. If it throws, the incoming change is refused
 * (CONFLICT).
 */
export type MergeFunction = (conflict: MergeConflict) => Merged | Promise<Merged>;
