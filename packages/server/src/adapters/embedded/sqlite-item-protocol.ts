import type { ChangeScan, CollectionSize, RowScan } from "../../ports/item-store.js";

import type { HandedRecords } from "./sqlite-item-record.js";

/** What the store asks its writing thread. */
export type ItemWriteRequest =
  /** Commits of one turn of the event loop, as packCommits makes it. Answered as packResults does it. */
  | { readonly kind: "commit"; readonly commits: ArrayBuffer; readonly nowMs: number }
  | { readonly kind: "drop"; readonly collection: string }
  | { readonly kind: "vacuum"; readonly beforeMs: number; readonly tombstones: readonly TombstoneLimit[] }
  | { readonly kind: "close" };

/** Tombstones of a collection from before a moment may be removed. */
export interface TombstoneLimit {
  readonly collection: string;
  readonly beforeMs: number;
}

/** What the store asks its reading thread. */
export type ItemReadRequest =
  | {
      readonly kind: "get";
      readonly collection: string;
      readonly row: { readonly key: string } | { readonly id: string };
      readonly snapshot?: number;
    }
  | { readonly kind: "getAll"; readonly collection: string; readonly keys: readonly string[] }
  | { readonly kind: "scan"; readonly scan: RowScan }
  | { readonly kind: "changes"; readonly scan: ChangeScan }
  | { readonly kind: "size"; readonly collection: string }
  /** A page of the collections that have tombstones, by name, after one. */
  | { readonly kind: "tombstones"; readonly afterName: string }
  | { readonly kind: "close" };

/** Why a request failed. */
export type ItemFailure =
  | { readonly kind: "expired"; readonly version: number; readonly oldestVersion: number }
  /** The disk is full. */
  | { readonly kind: "full"; readonly message: string }
  /** What is stored is not what was written. */
  | { readonly kind: "damaged"; readonly message: string }
  | { readonly kind: "unavailable"; readonly message: string };

/** What answers each kind of request. */
export interface ItemWriteResults {
  readonly commit: ArrayBuffer;
  /** Versions that were removed. */
  readonly drop: number;
  readonly vacuum: number;
  readonly close: undefined;
}

export interface ItemReadResults {
  readonly get: HandedRecords;
  /** Of those that were found: their indexes, and their records in that order. */
  readonly getAll: HandedRecords & { readonly indexes: readonly number[] };
  readonly scan: HandedRecords & { readonly exhausted: boolean };
  readonly changes: HandedRecords & { readonly scannedTo: number; readonly exhausted: boolean };
  readonly size: CollectionSize;
  /** With the moment of the oldest one in each. */
  readonly tombstones: readonly { readonly collection: string; readonly oldestMs: number }[];
  readonly close: undefined;
}

/** What both workers are started with. */
export interface ItemWorkerData {
  readonly path: string;
  /** Pages of 4 KiB that the database may have; the disk counts as full beyond that. For tests. */
  readonly maxPages?: number;
}

/** The first thing that the writing thread says, unless it ends with an error. */
export interface ItemStoreState {
  readonly version: number;
}
