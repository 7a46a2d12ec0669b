import {
  DEFAULT_FETCH_ITEMS,
  invalidField,
  type ListRequest,
  MAX_FETCH_ITEMS,
  msOfDuration,
  ReadConsistency,
} from "@millrace/shared-types";

import type { Row, RowScan } from "../ports/item-store.js";

import type { DataDeps } from "./data-deps.js";
import { DEFAULT_DATASET, type DatasetRecord, loadDataset } from "./dataset-record.js";
import { type FieldTree, fieldTreeOf } from "./field-tree.js";
import { itemFilterOf } from "./item-filter.js";

/** Between two messages about a listing, at least. */
const MIN_HEARTBEAT_MS = 100;

/** What a listing is about, checked. */
export interface ListPlan {
  readonly dataset: DatasetRecord;
  readonly range: Pick<RowScan, "startKey" | "endKey" | "prefix" | "descending">;
  readonly keysOnly: boolean;
  readonly fields: FieldTree | undefined;
  /** Whether an item is wanted; `undefined`: all are. */
  readonly matches: ((row: Row) => boolean) | undefined;
  /** Say where the listing is when nothing was sent for this long, in milliseconds; 0: never. */
  readonly heartbeatMs: number;
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
 * @throws ServiceError `INVALID_FIELD`, `INVALID_FILTER`, `LIMIT_EXCEEDED` or `RESOURCE_NOT_FOUND`
 */
export async function listPlanOf(request: ListRequest, path: string, { records, limits }: DataDeps): Promise<ListPlan> {
  const { value: dataset } = await loadDataset(records, request.dataset || DEFAULT_DATASET, `${path}dataset`);
  const { descending, keyPrefix, startKey, endKey, consistency, limit, filter } = request;
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
    matches: filter === "" ? undefined : itemFilterOf(filter, limits.maxFilterChars),
    heartbeatMs: heartbeatMsOf(`${path}heartbeat_interval`, request.heartbeatInterval),
    limit: limit || Infinity,
    isSnapshot,
    shape: JSON.stringify([dataset.collection, descending, keyPrefix, startKey, endKey, isSnapshot, filter]),
  };
}

/** Most items of a page that a request asks for. */
export function fetchItemsOf(field: string, batchSize: number): number {
  if (batchSize < 0) throw invalidField(field, `is ${String(batchSize)}, must not be negative`);
  return Math.min(batchSize || DEFAULT_FETCH_ITEMS, MAX_FETCH_ITEMS);
}

function heartbeatMsOf(field: string, interval: ListRequest["heartbeatInterval"]): number {
  if (interval === undefined) return 0;
  try {
    const ms = msOfDuration(interval);
    if (ms === 0 || ms >= MIN_HEARTBEAT_MS) return ms;
  } catch (cause) {
    throw invalidField(field, cause instanceof Error ? cause.message : "is not a duration");
  }
  throw invalidField(field, `must be 0, or ${String(MIN_HEARTBEAT_MS)} ms at least`);
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
