import { createHash } from "node:crypto";

import { decodeMessage, encodeMessage, ProcessOutcome, ProcessResult, ServiceError } from "@millrace/shared-types";

import type { Row, RowMutation } from "../ports/item-store.js";

import type { BatchDeps } from "./batch-deps.js";
import type { BatchItem } from "./batch-item.js";
import { type BatchRecord, collectionOf, DAY_MS, dayMark, dayOf } from "./batch-record.js";
import { isForGood } from "./item-failure.js";

const NO_BYTES = new Uint8Array(0);

/** What became of an item, ready to be stored. */
export interface Outcome {
  readonly item: BatchItem;
  readonly result: ProcessResult;
  /** Its idempotency key in the store, if the outcome is kept under it. */
  readonly key: string | undefined;
}

/** An idempotency key in the store: the same key of another caller is another one. */
export function storedKeyOf(owner: string, idempotencyKey: string): string {
  return createHash("sha256")
    .update(JSON.stringify([owner, idempotencyKey]))
    .digest("base64url");
}

/** Whether an outcome is kept under the idempotency key of its item: it ran, and another attempt would mend nothing. */
export function isKept({ attempts, outcome, status }: ProcessResult): boolean {
  if (attempts === 0) return false;
  return outcome === ProcessOutcome.SUCCEEDED || (status !== undefined && isForGood(status));
}

/** Writes outcomes of a batch. */
export function putOutcomes(record: BatchRecord, outcomes: readonly Outcome[], nowMs: number): readonly RowMutation[] {
  const today = dayOf(nowMs);
  const mutations = [dayMark(record.day)];
  if (today !== record.day) mutations.push(dayMark(today));
  for (const { item, result, key } of outcomes) {
    const at = resultKey(record, item.index);
    const data = encodeMessage(ProcessResult, result);
    const put = { key: at, head: item.fingerprint, data };
    mutations.push({ collection: collectionOf("results", record.day), put });
    if (result.outcome === ProcessOutcome.FAILED) {
      const failure = { key: at, head: NO_BYTES, data: NO_BYTES };
      mutations.push({ collection: collectionOf("failures", record.day), put: failure });
    }
    if (key !== undefined) mutations.push({ collection: collectionOf("keys", today), put: { ...put, key } });
  }
  return mutations;
}

/** A result in its collection: they sort as their batch has them. */
export function resultKey(record: BatchRecord, index: number): string {
  return `${resultPrefix(record)}${String(index).padStart(16, "0")}`;
}

export function resultPrefix({ key, createdAt }: BatchRecord): string {
  return `${key}/${String(createdAt)}/`;
}

/**
 * The outcome that an item of the batch has already.
 *
 * @throws ServiceError `IDEMPOTENCY_CONFLICT` if another item had its place
 */
export async function outcomeAt(
  record: BatchRecord,
  item: BatchItem,
  { rows }: Pick<BatchDeps, "rows">,
): Promise<ProcessResult | undefined> {
  if (item.index >= record.nextIndex) return undefined;
  const row = await rows.get(collectionOf("results", record.day), resultKey(record, item.index));
  if (row === undefined) return undefined;
  if (item.fingerprint.equals(row.head)) return { ...toResult(row), replayed: true };
  const message = `item ${String(item.index)} of batch ${JSON.stringify(record.batchId)} was another one before`;
  throw new ServiceError("IDEMPOTENCY_CONFLICT", message);
}

/**
 * The outcome that is kept under an idempotency key, as that of `item`.
 *
 * @throws ServiceError `IDEMPOTENCY_CONFLICT` if the key came with other content
 */
export async function outcomeUnder(
  key: string,
  item: BatchItem,
  { rows, clock }: Pick<BatchDeps, "rows" | "clock">,
): Promise<ProcessResult | undefined> {
  const nowMs = clock.now();
  const days = [dayOf(nowMs), dayOf(nowMs) - 1];
  const kept = await Promise.all(days.map((day) => rows.get(collectionOf("keys", day), key)));
  const row = kept.find((found) => found !== undefined && found.updatedAtMs > nowMs - DAY_MS);
  if (row === undefined) return undefined;
  if (!item.fingerprint.equals(row.head)) {
    throw new ServiceError("IDEMPOTENCY_CONFLICT", "this idempotency_key came with other content before");
  }
  return { ...toResult(row), index: item.index, id: item.request.id, replayed: true };
}

export function toResult({ data }: Row): ProcessResult {
  return decodeMessage(ProcessResult, data);
}
