/** Batches on their way to the writing thread. Runs in that too: imports only node: modules and what does so too. */
import type { BatchResult, ProducerProgress, SampleBatch, SampleDraft } from "../../ports/metric-store.js";

/** Series, moment, value, weight, sequence. */
const FIELDS = 5;

/** Neither a name nor JSON has one. */
const SEPARATOR = "\n";

/** A batch in a form that is quick to hand over: columns in place of thousands of objects. */
export interface PackedBatch {
  /** Names with their labels, one after the other. */
  readonly keys: string;
  readonly kinds: Uint8Array;
  /** Left out if no series has one. */
  readonly units?: readonly string[];
  readonly samples: Float64Array;
  /** Left out if no sample has one. */
  readonly sketches?: readonly (Uint8Array | undefined)[];
  readonly producer?: ProducerProgress;
}

/** What became of it. */
export type PackedResult = BatchResult | { readonly gap: { readonly after: number; readonly committed: number } };

/** What a batch takes, about, in bytes. */
export function packedBytes({ series, samples }: SampleBatch): number {
  const ofSeries = series.reduce((sum, { name, labels }) => sum + name.length + labels.length, 0);
  return samples.reduce((sum, { sketch }) => sum + FIELDS * 8 + (sketch?.length ?? 0), ofSeries);
}

export function packBatch({ series, samples, producer }: SampleBatch): PackedBatch {
  const packed = new Float64Array(samples.length * FIELDS);
  let at = 0;
  for (const sample of samples) {
    packed[at++] = sample.series;
    packed[at++] = sample.timeMs;
    packed[at++] = sample.value;
    packed[at++] = sample.weight;
    packed[at++] = sample.sequence;
  }
  return {
    keys: series.map(({ name, labels }) => name + labels).join(SEPARATOR),
    kinds: Uint8Array.from(series, ({ kind }) => kind),
    ...(series.some(({ unit }) => unit !== "") && { units: series.map(({ unit }) => unit) }),
    samples: packed,
    ...(samples.some(({ sketch }) => sketch !== undefined) && { sketches: samples.map(({ sketch }) => sketch) }),
    ...(producer && { producer }),
  };
}

/** A series as the writing thread looks for it. */
export interface PackedSeries {
  /** Name and labels. */
  readonly key: string;
  readonly kind: number;
  readonly unit: string;
}

export function seriesIn({ keys, kinds, units }: PackedBatch): readonly PackedSeries[] {
  if (kinds.length === 0) return [];
  return keys.split(SEPARATOR).map((key, at) => ({ key, kind: kinds[at] ?? 0, unit: units?.[at] ?? "" }));
}

export function sampleCount({ samples }: PackedBatch): number {
  return samples.length / FIELDS;
}

export function sampleAt({ samples, sketches }: PackedBatch, index: number): SampleDraft {
  const at = index * FIELDS;
  const sketch = sketches?.[index];
  return {
    series: samples[at] ?? 0,
    timeMs: samples[at + 1] ?? 0,
    value: samples[at + 2] ?? 0,
    weight: samples[at + 3] ?? 0,
    sequence: samples[at + 4] ?? 0,
    ...(sketch && { sketch }),
  };
}
