import { ContractClock } from "./item-store-drafts.contract.js";
import type { AggregatePlan, MetricStore, SampleBatch, WindowAggregate } from "./metric-store.js";

export { ContractClock };

/** A place where a metric store lives: opening it again finds what was stored, if it is persistent. */
export interface MetricStorePlace extends AsyncDisposable {
  open(clock: ContractClock): Promise<MetricStore>;
  readonly persistent: boolean;
}

/** Series that a store of the contract may have. */
export const MAX_SERIES = 5;

/** A sample in short: its series is a name with one label, `n`. */
export interface ShortSample {
  readonly name?: string;
  readonly label?: string;
  readonly timeMs?: number;
  readonly value?: number;
  readonly weight?: number;
  readonly sequence?: number;
  readonly kind?: number;
  readonly unit?: string;
  readonly sketch?: Uint8Array;
}

/** A batch of samples; each names its series by itself, so series may come twice. */
export function batch(samples: readonly ShortSample[], producer?: SampleBatch["producer"]): SampleBatch {
  return {
    series: samples.map(({ name = "m", label = "", kind = 0, unit = "" }) => {
      return { name, labels: label === "" ? "{}" : `{"n":${JSON.stringify(label)}}`, kind, unit };
    }),
    samples: samples.map(({ timeMs = 1000, value = 1, weight = 1, sequence = 0, sketch }, series) => {
      return { series, timeMs, value, weight, sequence, ...(sketch && { sketch }) };
    }),
    ...(producer && { producer }),
  };
}

/** A batch that its producer numbers from a sequence on. */
export function numbered(id: string, from: number, values: readonly number[], after = 0): SampleBatch {
  const upTo = Math.max(0, from + values.length - 1);
  return batch(
    values.map((value, index) => ({ value, sequence: from + index })),
    { id, after, upTo },
  );
}

/** The numbers of all series of a name. */
export async function idsOf(store: MetricStore, name = "m"): Promise<number[]> {
  const { series } = await store.series({ name, afterId: 0, maxSeries: 1000 });
  return series.map(({ id }) => id);
}

/** All windows of a plan; by default one over everything, of all series of the metric `m`. */
export async function windowsOf(store: MetricStore, plan: Partial<AggregatePlan> = {}): Promise<WindowAggregate[]> {
  const groups = plan.groups ?? [await idsOf(store)];
  const windows: WindowAggregate[] = [];
  for await (const some of store.aggregate({ startMs: 0, endMs: 1e6, stepMs: 1e6, quantiles: [], ...plan, groups })) {
    windows.push(...some);
  }
  return windows;
}

/** Count and sum of everything. */
export async function totalOf(store: MetricStore): Promise<{ readonly count: number; readonly sum: number }> {
  const [window] = await windowsOf(store);
  return { count: window?.aggregate.count ?? 0, sum: window?.aggregate.sum ?? 0 };
}
