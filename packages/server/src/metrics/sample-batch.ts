import type { Metric } from "@millrace/shared-types";

import { packDistribution } from "../ports/distribution.js";
import type { SampleDraft, SeriesDraft } from "../ports/metric-store.js";

import { partsOf } from "./distribution.js";
import { invalid, refusalOf, type SampleRefusal, type SampleTimes, timeOf } from "./sample-refusal.js";

/** Samples of a stream that are stored together, at most … */
const MAX_SAMPLES = 1000;
/** … and in bytes, about, but for the last of them. */
const MAX_BYTES = 256 * 1024;

/** What a sample takes besides its series, in bytes, about. */
const SAMPLE_BYTES = 64;

/** A sample that is not stored. */
export interface RefusedSample {
  /** In the stream, from 0. */
  readonly index: number;
  readonly name: string;
  readonly refusal: SampleRefusal;
}

/** What a batch is filled with. */
export interface BatchRules {
  /** Index of the first sample in the stream. */
  readonly firstIndex: number;
  readonly times: SampleTimes;
  /** Whether samples are numbered. */
  readonly isNumbered: boolean;
}

/** Samples on their way into the store, and those among them that do not get there. */
export class SampleBatchDraft {
  readonly series: SeriesDraft[] = [];
  readonly samples: SampleDraft[] = [];
  /** For each of `samples` its index in the stream. */
  readonly indexes: number[] = [];
  readonly refused: RefusedSample[] = [];
  /** Highest sequence, of refused samples too. */
  upTo = 0;
  readonly #rules: BatchRules;
  readonly #seriesByKey = new Map<string, number>();
  #bytes = 0;

  constructor(rules: BatchRules) {
    this.#rules = rules;
  }

  /** Samples in it, refused ones too. */
  get size(): number {
    return this.samples.length + this.refused.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isFull(): boolean {
    return this.size >= MAX_SAMPLES || this.#bytes >= MAX_BYTES;
  }

  /** @param nowMs when a sample was taken that does not say, in milliseconds since 1970 */
  add(metric: Metric, nowMs: number): void {
    const { firstIndex, times, isNumbered } = this.#rules;
    const index = firstIndex + this.size;
    const refusal = refusalOf(metric, times) ?? sequenceRefusal(metric.sequence, isNumbered);
    this.#bytes += SAMPLE_BYTES;
    if (isNumbered) this.upTo = Math.max(this.upTo, metric.sequence);
    if (refusal !== undefined) {
      this.refused.push({ index, name: metric.name, refusal });
      return;
    }
    const { sequence } = metric;
    const content = contentOf(metric);
    this.indexes.push(index);
    this.samples.push({ series: this.#seriesOf(metric), timeMs: timeOf(metric, nowMs), sequence, ...content });
    this.#bytes += content.sketch?.length ?? 0;
  }

  /** Index of the sample's series in the batch. */
  #seriesOf({ name, labels, kind, unit }: Metric): number {
    const labelText = labelTextOf(labels);
    const key = name + labelText;
    const known = this.#seriesByKey.get(key);
    if (known === undefined) {
      this.#seriesByKey.set(key, this.series.length);
      this.#bytes += key.length;
      return this.series.push({ name, labels: labelText, kind, unit }) - 1;
    }
    const before = this.series[known];
    const isNew = (kind !== 0 && kind !== before?.kind) || (unit !== "" && unit !== before?.unit);
    if (isNew) {
      this.series[known] = {
        name,
        labels: labelText,
        kind: kind || (before?.kind ?? 0),
        unit: unit || (before?.unit ?? ""),
      };
    }
    return known;
  }
}

function contentOf({ value, weight, distribution }: Metric): Pick<SampleDraft, "value" | "weight" | "sketch"> {
  if (distribution === undefined) return { value, weight: weight || 1 };
  const { sum, count } = distribution;
  return { value: sum / count, weight: count, sketch: packDistribution(partsOf(distribution)) };
}

/** Labels in the form in which series are compared: names have no characters that JSON would change. */
function labelTextOf(labels: ReadonlyMap<string, string>): string {
  if (labels.size === 0) return "{}";
  const present = [...labels].filter(([, value]) => value !== "");
  if (present.length > 1) present.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${present.map(([name, value]) => `"${name}":${JSON.stringify(value)}`).join(",")}}`;
}

function sequenceRefusal(sequence: number, isNumbered: boolean): SampleRefusal | undefined {
  if (isNumbered) return sequence >= 1 ? undefined : invalid("sequence", "must be 1 or more where producer_id is set");
  return sequence === 0 ? undefined : invalid("sequence", "must not be set without producer_id");
}
