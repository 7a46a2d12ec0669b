import { createHash } from "node:crypto";

import {
  type BatchOptions,
  durationOfMs,
  invalidField,
  ProcessOutcome,
  type ProcessResponse,
  type ProcessResult,
} from "@millrace/shared-types";

import { checkBytes } from "../events/check-limit.js";
import type { ItemStore, RowMutation } from "../ports/item-store.js";
import type { Clock } from "../ports/clock.js";

import { MAX_NAME_BYTES } from "./batch-limits.js";

export const DAY_MS = 86_400_000;

/** All collections of this domain in the item store, and no other, begin with this. */
const COLLECTION_PREFIX = "batch/";

/** Days of which anything is kept: one row each. */
export const DAYS: string = `${COLLECTION_PREFIX}days`;

/** What is kept of one day; it goes as a whole. */
const KINDS = ["batches", "results", "failures", "keys"] as const;

/** A collection of what began on a day, counted from 1970: `results` are kept where their batch is. */
export function collectionOf(kind: (typeof KINDS)[number], day: number): string {
  return `${COLLECTION_PREFIX}${kind}/${dayName(day)}`;
}

export function collectionsOf(day: number): readonly string[] {
  return KINDS.map((kind) => collectionOf(kind, day));
}

/** Takes note that something of a day is kept. */
export function dayMark(day: number): RowMutation {
  const nothing = new Uint8Array(0);
  return { collection: DAYS, put: { key: dayName(day), head: nothing, data: nothing }, skipEqual: true };
}

/** Sorts as days do. */
export function dayName(day: number): string {
  return String(day).padStart(8, "0");
}

export function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS);
}

/** A batch: what is known of it besides its results. */
export interface BatchRecord {
  /** Hash of the owner and the id. */
  readonly key: string;
  readonly batchId: string;
  /** When it began, in milliseconds since 1970, and the same in days. */
  readonly createdAt: number;
  readonly day: number;
  /** When its newest outcome came, in milliseconds since 1970. */
  readonly updatedAt: number;
  /** `open`: more may come. */
  readonly state: "open" | "done" | "cancelled";
  readonly succeeded: number;
  readonly failed: number;
  readonly skipped: number;
  /** No item from here on has an outcome. */
  readonly nextIndex: number;
}

/** Names a batch in the store, whoever else has one of that id. */
export function batchKey(owner: string, batchId: string): string {
  return createHash("sha256")
    .update(JSON.stringify([owner, batchId]))
    .digest("base64url");
}

export function newBatch(key: string, batchId: string, nowMs: number): BatchRecord {
  const counts = { succeeded: 0, failed: 0, skipped: 0, nextIndex: 0 };
  return { key, batchId, createdAt: nowMs, day: dayOf(nowMs), updatedAt: nowMs, state: "open", ...counts };
}

/** The batch, if it began today or yesterday and is kept. */
export async function loadBatch(
  key: string,
  { items, clock }: { readonly items: ItemStore; readonly clock: Clock },
): Promise<BatchRecord | undefined> {
  const today = dayOf(clock.now());
  const rows = await Promise.all([today, today - 1].map((day) => items.get(collectionOf("batches", day), { key })));
  const row = rows.find((found) => found !== undefined);
  return row && (JSON.parse(Buffer.from(row.data).toString()) as BatchRecord);
}

/** Stores what is known of a batch. */
export function putBatch(record: BatchRecord): RowMutation {
  const data = Buffer.from(JSON.stringify(record));
  return { collection: collectionOf("batches", record.day), put: { key: record.key, head: new Uint8Array(0), data } };
}

/** Adds results to the counts. */
export function withResults(record: BatchRecord, results: readonly ProcessResult[], nowMs: number): BatchRecord {
  let { succeeded, failed, skipped, nextIndex } = record;
  for (const { outcome, index } of results) {
    if (outcome === ProcessOutcome.SUCCEEDED) succeeded += 1;
    else if (outcome === ProcessOutcome.FAILED) failed += 1;
    else skipped += 1;
    nextIndex = Math.max(nextIndex, index + 1);
  }
  return { ...record, succeeded, failed, skipped, nextIndex, updatedAt: nowMs };
}

/** The totals of a batch, without results. */
export function summaryOf({ batchId, createdAt, updatedAt, ...counts }: BatchRecord): ProcessResponse {
  const { succeeded, failed, skipped } = counts;
  return {
    processedCount: succeeded + failed + skipped,
    successCount: succeeded,
    failureCount: failed,
    skippedCount: skipped,
    results: [],
    resultsTruncated: false,
    batchId,
    elapsed: durationOfMs(Math.max(0, updatedAt - createdAt)),
  };
}

/** When a batch is dropped, in milliseconds since 1970: at least 24 hours after it began. */
export function expiresAtMs({ day }: Pick<BatchRecord, "day">): number {
  return (day + 2) * DAY_MS;
}

/** @throws ServiceError `INVALID_FIELD` or `LIMIT_EXCEEDED` about `field` */
export function checkBatchId(field: string, batchId: BatchOptions["batchId"]): void {
  if (batchId === "") throw invalidField(field, "must be set");
  checkBytes(field, "max_name_bytes", MAX_NAME_BYTES, batchId);
}
