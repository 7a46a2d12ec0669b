import {
  DEFAULT_FETCH_ITEMS,
  invalidField,
  type ListRequest,
  MAX_FETCH_ITEMS,
  ReadConsistency,
} from "@millrace/shared-types";

import type { RowScan } from "../ports/item-store.js";

import type { DataDeps } from "./data-deps.js";
import { DEFAULT_DATASET, type DatasetRecord, loadDataset } from "./dataset-record.js";
import { type FieldTree, fieldTreeOf } from "./field-tree.js";

/** What a listing is about, checked. */
export interface ListPlan {
  readonly dataset: DatasetRecord;
  readonly range: Pick<RowScan, "startKey" | "endKey" | "prefix" | "descending">;
  readonly keysOnly: boolean;
  readonly fields: FieldTree | undefined;
  /** Infinity: all. */
  readonly limit: number;
  readonly isSnapshot: boolean;
  /** All that a cursor depends on. */
  readonly shape: string;
}

/**
 * Checks what a client wants listed.
 *
 * @param path of the request's fields, such as `list.`
 * @throws ServiceError `INVALID_FIELD`, `LIMIT_EXCEEDED` or `RESOURCE_NOT_FOUND`
 */
export async function listPlanOf(request: ListRequest, path: string, { records }: DataDeps): Promise<ListPlan> {
  const { value: dataset } = await loadDataset(records, request.dataset || DEFAULT_DATASET, `${path}dataset`);
  const { descending, keyPrefix, startKey, endKey, consistency, limit } = request;
  if (limit < 0) throw invalidField(`${path}limit`, `is ${String(limit)}, must not be negative`);
  const isSnapshot = isSnapshotOf(`${path}consistency`, consistency);
  return {
    dataset,
    range: {
      descending,
      ...(keyPrefix !== "" && { prefix: keyPrefix }),
      ...(startKey !== "" && { startKey }),
      ...(endKey !== "" && { endKey }),
    },
    keysOnly: request.keysOnly,
    fields: fieldTreeOf(`${path}fields`, request.fields),
    limit: limit || Infinity,
    isSnapshot,
    shape: JSON.stringify([dataset.collection, descending, keyPrefix, startKey, endKey, isSnapshot]),
  };
}

/** Most items of a page that a request asks for. */
export function fetchItemsOf(field: string, batchSize: number): number {
  if (batchSize < 0) throw invalidField(field, `is ${String(batchSize)}, must not be negative`);
  return Math.min(batchSize || DEFAULT_FETCH_ITEMS, MAX_FETCH_ITEMS);
}

function isSnapshotOf(field: string, consistency: ReadConsistency): boolean {
  switch (consistency) {
    case ReadConsistency.UNSPECIFIED:
    case ReadConsistency.SNAPSHOT:
      return true;
    case ReadConsistency.EVENTUAL:
      return false;
    default:
      throw invalidField(field, `has no value ${String(consistency)}`);
  }
}
