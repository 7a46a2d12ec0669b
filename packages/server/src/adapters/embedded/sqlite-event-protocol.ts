import type { ReadOptions, Retention } from "../../ports/event-log.js";

/** What the log asks its writing thread. */
export type WriteRequest =
  /** Appends of one turn of the event loop, as packAppends makes it. Answered by an outcome for each. */
  | { readonly kind: "append"; readonly appends: ArrayBuffer; readonly nowMs: number }
  | { readonly kind: "truncate"; readonly stream: string; readonly beforeRevision: number }
  | { readonly kind: "trim"; readonly retention: Retention }
  | { readonly kind: "close" };

/** What the log asks its reading thread. */
export type ReadRequest =
  | { readonly kind: "read"; readonly options: ReadOptions }
  | { readonly kind: "find"; readonly stream: string; readonly id: string }
  | { readonly kind: "previous"; readonly events: readonly KeyedPlace[] }
  | { readonly kind: "sequenceAt"; readonly timeMs: number }
  | { readonly kind: "streamRange"; readonly stream: string }
  | { readonly kind: "close" };

/** An event, as far as it takes to find the one before it with the same key. */
export interface KeyedPlace {
  readonly stream: string;
  readonly key: string;
  readonly sequence: number;
}

/** Why a request, or one append, failed. */
export type EventFailure =
  | { readonly kind: "revision"; readonly stream: string; readonly expected: number; readonly actual: number }
  | { readonly kind: "conflict"; readonly stream: string; readonly id: string }
  | { readonly kind: "compacted"; readonly after: number; readonly firstSequence: number }
  /** The disk is full. */
  | { readonly kind: "full"; readonly message: string }
  /** What is stored is not what was written. */
  | { readonly kind: "damaged"; readonly message: string }
  | { readonly kind: "unavailable"; readonly message: string };

/** Where the events of an append are: those that are not `known` follow each other from `sequence` and `revision` on. */
export interface AppendPlaces {
  readonly sequence: number;
  readonly revision: number;
  /** Newest revision of the stream. */
  readonly lastRevision: number;
  readonly storedAtMs: number;
  /** By index, the events that were there already; left out if there are none. */
  readonly known?: ReadonlyMap<number, { readonly sequence: number; readonly revision: number }>;
}

export type AppendOutcome = { readonly places: AppendPlaces } | { readonly failure: EventFailure };

/** What answers each kind of request. */
export interface WriteResults {
  readonly append: readonly AppendOutcome[];
  readonly truncate: { readonly firstRevision: number };
  readonly trim: { readonly removed: number; readonly firstSequence: number };
  readonly close: undefined;
}

/** Records, one after the other, in the first bytes of a buffer. */
export interface PackedRecords {
  readonly records: ArrayBuffer;
  readonly recordsBytes: number;
}

export interface ReadResults {
  readonly read: PackedRecords & { readonly scannedTo: number; readonly exhausted: boolean };
  /** Of one event, or none. */
  readonly find: { readonly records: ArrayBuffer };
  /** Of those that were found: their indexes, and their records in that order. */
  readonly previous: { readonly indexes: readonly number[]; readonly records: ArrayBuffer };
  readonly sequenceAt: number;
  readonly streamRange: { readonly firstRevision: number; readonly lastRevision: number };
  readonly close: undefined;
}

/** What both workers are started with. */
export interface EventWorkerData {
  readonly path: string;
  /** Pages of 4 KiB that the database may have; the disk counts as full beyond that. For tests. */
  readonly maxPages?: number;
}

/** The first thing that a worker says, unless it ends with an error. */
export interface EventLogState {
  readonly epoch: string;
  readonly firstSequence: number;
  readonly lastSequence: number;
}
