import { ServiceError } from "@millrace/shared-types";

import { type Clock, systemClock } from "../../ports/clock.js";
import { aggregateWindows, type SampleRow } from "../../ports/aggregate-windows.js";
import {
  type AggregatePlan,
  type BatchResult,
  type MetricStore,
  type MetricStoreLimits,
  ProducerGap,
  type SampleBatch,
  type SampleDraft,
  SampleOutcome,
  type SeriesDraft,
  type SeriesPage,
  type SeriesScan,
  type StoredSeries,
  type WindowAggregate,
} from "../../ports/metric-store.js";

/** Samples that an aggregation reads before it lets others work. */
const STEP_SAMPLES = 10_000;

interface MemorySeries {
  stored: StoredSeries;
  readonly samples: SampleRow[];
}

interface MemoryProducer {
  readonly sequence: number;
  readonly heardAtMs: number;
}

export interface MemoryMetricStoreOptions extends MetricStoreLimits {
  /** Says when producers were heard of. Default: the machine's. */
  readonly clock?: Clock;
}

/** Metrics in memory, gone when the process ends: for tests and for servers that keep nothing. */
export class MemoryMetricStore implements MetricStore {
  readonly #maxSeries: number;
  readonly #clock: Clock;
  readonly #byKey = new Map<string, MemorySeries>();
  /** In order of number. */
  readonly #byId = new Map<number, MemorySeries>();
  readonly #producers = new Map<string, MemoryProducer>();
  #lastId = 0;
  #closed = false;

  constructor({ maxSeries, clock = systemClock }: MemoryMetricStoreOptions) {
    this.#maxSeries = maxSeries;
    this.#clock = clock;
  }

  async append({ series, samples, producer }: SampleBatch): Promise<BatchResult> {
    this.#checkOpen();
    const committed = producer === undefined ? 0 : (this.#producers.get(producer.id)?.sequence ?? 0);
    if (producer !== undefined && committed < producer.after) throw new ProducerGap(producer.after, committed);
    const outcomes = Uint8Array.from(samples, (sample) => {
      const isOld = producer !== undefined && sample.sequence <= committed;
      return this.#store(sample, series[sample.series], isOld);
    });
    const seriesIds = series.map((draft) => this.#byKey.get(keyOf(draft))?.stored.id ?? 0);
    const committedSequence = Math.max(committed, producer?.upTo ?? 0);
    if (producer !== undefined) {
      this.#producers.set(producer.id, { sequence: committedSequence, heardAtMs: this.#clock.now() });
    }
    return { outcomes, seriesIds, committedSequence };
  }

  async series({ name, namePrefix = "", afterId, maxSeries }: SeriesScan): Promise<SeriesPage> {
    this.#checkOpen();
    const isWanted = (stored: StoredSeries): boolean =>
      stored.id > afterId && (name === undefined || stored.name === name) && stored.name.startsWith(namePrefix);
    const found = [...this.#byId.values()].map(({ stored }) => stored).filter(isWanted);
    return { series: found.slice(0, maxSeries), exhausted: found.length <= maxSeries };
  }

  async lastTimes(seriesIds: readonly number[]): Promise<readonly (number | undefined)[]> {
    this.#checkOpen();
    return seriesIds.map((id) => {
      const samples = this.#byId.get(id)?.samples ?? [];
      return samples.reduce<number | undefined>((last, { timeMs }) => Math.max(last ?? timeMs, timeMs), undefined);
    });
  }

  async *aggregate(plan: AggregatePlan): AsyncGenerator<readonly WindowAggregate[], void, undefined> {
    this.#checkOpen();
    let read = 0;
    for (const { samples, windows } of aggregateWindows(plan, (...range) => [this.#samplesOf(...range)])) {
      read += samples;
      if (windows.length > 0) yield windows;
      if (read < STEP_SAMPLES) continue;
      read = 0;
      await new Promise(setImmediate);
    }
  }

  async sweep(beforeMs: number): Promise<number> {
    this.#checkOpen();
    let removed = 0;
    for (const [id, { stored, samples }] of this.#byId) {
      const kept = samples.filter(({ timeMs }) => timeMs >= beforeMs);
      removed += samples.length - kept.length;
      samples.splice(0, samples.length, ...kept);
      if (kept.length > 0) continue;
      this.#byId.delete(id);
      this.#byKey.delete(keyOf(stored));
    }
    for (const [id, { heardAtMs }] of this.#producers) {
      if (heardAtMs >= beforeMs) continue;
      this.#producers.delete(id);
      removed += 1;
    }
    return removed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
  }

  #store(sample: SampleDraft, draft: SeriesDraft | undefined, isOld: boolean): number {
    if (draft === undefined) throw new TypeError("a sample has no series");
    const known = this.#byKey.get(keyOf(draft));
    if (isOld) return known === undefined ? SampleOutcome.NO_ROOM : SampleOutcome.DUPLICATE;
    const series = known ?? this.#begin(draft);
    if (series === undefined) return SampleOutcome.NO_ROOM;
    const { kind, unit } = series.stored;
    series.stored = { ...series.stored, kind: draft.kind || kind, unit: draft.unit || unit };
    const { timeMs, value, weight, sketch } = sample;
    series.samples.push({ timeMs, value, weight, sketch });
    return SampleOutcome.STORED;
  }

  #begin(draft: SeriesDraft): MemorySeries | undefined {
    if (this.#byId.size >= this.#maxSeries) return undefined;
    this.#lastId += 1;
    const series: MemorySeries = { stored: { ...draft, id: this.#lastId }, samples: [] };
    this.#byKey.set(keyOf(draft), series);
    this.#byId.set(this.#lastId, series);
    return series;
  }

  /** In order of time; those of one moment in the order in which they came. */
  #samplesOf(seriesId: number, fromMs: number, toMs: number): readonly SampleRow[] {
    const samples = this.#byId.get(seriesId)?.samples ?? [];
    return samples.filter(({ timeMs }) => timeMs >= fromMs && timeMs < toMs).sort((a, b) => a.timeMs - b.timeMs);
  }

  #checkOpen(): void {
    if (this.#closed) throw new ServiceError("BACKEND_UNAVAILABLE", "the metric store is closed");
  }
}

/** A name has no brace, and labels begin with one. */
function keyOf({ name, labels }: SeriesDraft): string {
  return name + labels;
}
