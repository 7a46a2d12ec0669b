import { ServiceError } from "@millrace/shared-types";

import { ProducerGap, type ProducerProgress, SampleOutcome } from "../ports/metric-store.js";

import type { MetricsDeps } from "./metrics-deps.js";
import type { RefusedSample, SampleBatchDraft } from "./sample-batch.js";
import { noRoom } from "./sample-refusal.js";

/** A batch whose fate is known. */
export interface StoredBatch {
  readonly draft: SampleBatchDraft;
  /** A SampleOutcome for each sample of the draft. */
  readonly outcomes: Uint8Array;
  /** For each series of the draft its number in the store; 0: there is none. */
  readonly seriesIds: readonly number[];
  readonly storedCount: number;
  readonly duplicateCount: number;
  /** In order of index. */
  readonly refused: readonly RefusedSample[];
  readonly committedSequence: number;
}

/**
 * Stores a batch; settles once it is durable.
 *
 * @throws ServiceError `BACKEND_UNAVAILABLE` if something that its producer sent before was not stored
 */
export async function storeBatch(
  draft: SampleBatchDraft,
  producer: ProducerProgress | undefined,
  { store, limits }: Pick<MetricsDeps, "store" | "limits">,
): Promise<StoredBatch> {
  const { series, samples } = draft;
  const appending = store.append({ series, samples, ...(producer && { producer }) });
  const { outcomes, seriesIds, committedSequence } = await appending.catch(rethrown);
  let [storedCount, duplicateCount] = [0, 0];
  const refused = [...draft.refused];
  for (const [at, outcome] of outcomes.entries()) {
    if (outcome === SampleOutcome.STORED) storedCount += 1;
    else if (outcome === SampleOutcome.DUPLICATE) duplicateCount += 1;
    else refused.push({ index: draft.indexes[at] ?? 0, name: nameOf(draft, at), refusal: noRoom(limits) });
  }
  refused.sort((a, b) => a.index - b.index);
  return { draft, outcomes, seriesIds, storedCount, duplicateCount, refused, committedSequence };
}

function nameOf({ samples, series }: SampleBatchDraft, at: number): string {
  return series[samples[at]?.series ?? 0]?.name ?? "";
}

function rethrown(error: unknown): never {
  if (!(error instanceof ProducerGap)) throw error;
  const { message } = error;
  throw new ServiceError("BACKEND_UNAVAILABLE", message, { cause: error, retryAfterMs: 100 });
}
