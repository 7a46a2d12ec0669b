import {
  type ItemError,
  type MetricAggregate,
  type MetricsSummary,
  type Status,
  statusOf,
} from "@millrace/shared-types";

import { SampleOutcome } from "../ports/metric-store.js";
import { BinBudget } from "../ports/quantile-sketch.js";
import { SampleTally } from "../ports/sample-tally.js";

import { aggregateMessage } from "./aggregate-message.js";
import type { RefusedSample } from "./sample-batch.js";
import { refusalError } from "./sample-refusal.js";
import type { StoredBatch } from "./store-batch.js";

/** Names that are summarized, at most … */
const MAX_NAMES = 10_000;
/** … and bytes of what is said of them: a message may have 4 MiB. */
const MAX_NAMES_BYTES: number = 3 * 1024 * 1024;
/** What is said of a name besides the name, twice, in bytes, at most. */
const NAME_BYTES = 224;

/** Bins of the sketches of all names: 10 MiB. */
const MAX_BINS = 262_144;

/** Names that are described in one go. */
const STEP_NAMES = 500;

const QUANTILES = [0.5, 0.9, 0.95, 0.99];

const MAX_REJECTIONS = 100;
/** Of the name of a sample that was refused, in characters. */
const MAX_ERROR_ID_LENGTH = 256;

/** What came of a stream of samples, in bounded memory: 10,000 names, and the series of the store. */
export class StreamSummary {
  readonly #tallies = new Map<string, SampleTally>();
  readonly #bins = new BinBudget(MAX_BINS);
  readonly #seriesIds = new Set<number>();
  readonly #rejections: RefusedSample[] = [];
  #namesBytes = 0;
  #truncated = false;
  #stored = 0;
  #duplicates = 0;
  #rejected = 0;
  #committedSequence = 0;

  add({ draft, outcomes, seriesIds, refused, ...batch }: StoredBatch): void {
    this.#stored += batch.storedCount;
    this.#duplicates += batch.duplicateCount;
    this.#rejected += refused.length;
    this.#rejections.push(...refused.slice(0, MAX_REJECTIONS - this.#rejections.length));
    this.#committedSequence = Math.max(this.#committedSequence, batch.committedSequence);
    for (const [at, sample] of draft.samples.entries()) {
      if (outcomes[at] !== SampleOutcome.STORED) continue;
      this.#seriesIds.add(seriesIds[sample.series] ?? 0);
      this.#tallyOf(draft.series[sample.series]?.name ?? "")?.add(sample);
    }
  }

  /** Works on some names at a time, and lets others work in between. */
  async message(): Promise<MetricsSummary> {
    const aggregates = new Map<string, number>();
    const stats = new Map<string, MetricAggregate>();
    for (const [name, tally] of this.#tallies) {
      const aggregate = tally.aggregate(QUANTILES);
      aggregates.set(name, aggregate.sum);
      stats.set(name, aggregateMessage(aggregate, QUANTILES));
      if (stats.size % STEP_NAMES === 0) await new Promise(setImmediate);
    }
    return {
      totalCount: this.#stored,
      aggregates,
      stats,
      rejectedCount: this.#rejected,
      rejections: rejectionMessages(this.#rejections),
      duplicateCount: this.#duplicates,
      seriesCount: this.#seriesIds.size,
      truncated: this.#truncated,
      committedSequence: this.#committedSequence,
    };
  }

  #tallyOf(name: string): SampleTally | undefined {
    const known = this.#tallies.get(name);
    if (known !== undefined) return known;
    const bytes = this.#namesBytes + 2 * name.length + NAME_BYTES;
    if (this.#tallies.size >= MAX_NAMES || bytes > MAX_NAMES_BYTES) {
      this.#truncated = true;
      return undefined;
    }
    this.#namesBytes = bytes;
    const tally = new SampleTally(this.#bins);
    this.#tallies.set(name, tally);
    return tally;
  }
}

/** Samples that were refused, as they are told. Many are refused for the same reason, whose status is made once. */
export function rejectionMessages(refused: readonly RefusedSample[]): ItemError[] {
  const statuses = new Map<string, Status>();
  return refused.map(({ index, name, refusal }) => {
    const { reason, field, what, actual } = refusal;
    const key = JSON.stringify([reason, field, what, actual]);
    const status = statuses.get(key) ?? statusOf(refusalError(refusal));
    statuses.set(key, status);
    return { index, id: name.slice(0, MAX_ERROR_ID_LENGTH).toWellFormed(), status };
  });
}
