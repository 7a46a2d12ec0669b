import type { Mutation, ScanOptions, StoredRecord } from "../../ports/record-store.js";

/** What the store asks its worker. Types only: the worker imports nothing of this project at run time. */
export type RecordRequest =
  | { readonly kind: "get"; readonly collection: string; readonly key: string }
  | { readonly kind: "scan"; readonly collection: string; readonly options: ScanOptions }
  | { readonly kind: "commit"; readonly mutations: readonly Mutation[] }
  | { readonly kind: "close" };

export interface NumberedRequest {
  readonly id: number;
  readonly request: RecordRequest;
}

/** Why a request failed. `index` is the mutation whose precondition did not hold. */
export type RecordFailure =
  | { readonly kind: "conflict"; readonly index: number; readonly actualVersion: number }
  | { readonly kind: "full"; readonly message: string }
  | { readonly kind: "unavailable"; readonly message: string };

export interface RecordAnswer {
  readonly id: number;
  readonly records?: readonly StoredRecord[];
  readonly failure?: RecordFailure;
}

/** What the worker is started with. */
export interface RecordWorkerData {
  readonly path: string;
}

/** The first thing a worker says, or it ends with an error. */
export interface RecordWorkerReady {
  readonly ready: true;
}
