import type { AggregatePlan, SeriesPage, SeriesScan, WindowAggregate } from "../../ports/metric-store.js";

import type { PackedBatch, PackedResult } from "./sqlite-metric-batches.js";

/** What the store asks its writing thread. */
export type MetricWriteRequest =
  /** Batches of one turn of the event loop, in order. */
  | { readonly kind: "append"; readonly batches: readonly PackedBatch[]; readonly nowMs: number }
  /** Moves all samples to where they are read. */
  | { readonly kind: "settle" }
  /** Removes what is from before a moment, of the next few series. */
  | { readonly kind: "sweep"; readonly beforeMs: number; readonly afterId: number }
  | { readonly kind: "close" };

/** What the store asks its reading thread. */
export type MetricReadRequest =
  | { readonly kind: "series"; readonly scan: SeriesScan }
  | { readonly kind: "lastTimes"; readonly seriesIds: readonly number[] }
  /** Goes on with an aggregation, or begins it with its plan. */
  | { readonly kind: "aggregate"; readonly id: number; readonly plan?: AggregatePlan }
  /** Forgets an aggregation. */
  | { readonly kind: "leave"; readonly id: number }
  | { readonly kind: "close" };

/** Why a request failed. */
export type MetricFailure =
  /** The disk is full. */
  | { readonly kind: "full"; readonly message: string }
  /** What is stored is not what was written. */
  | { readonly kind: "damaged"; readonly message: string }
  | { readonly kind: "unavailable"; readonly message: string };

/** How far a sweep has got. */
export interface SweepStep {
  readonly removed: number;
  /** The sweep goes on after this series; `undefined`: that were all. */
  readonly afterId: number | undefined;
}

/** What answers each kind of request. */
export interface MetricWriteResults {
  readonly append: readonly PackedResult[];
  readonly settle: undefined;
  readonly sweep: SweepStep;
  readonly close: undefined;
}

export interface MetricReadResults {
  readonly series: SeriesPage;
  readonly lastTimes: readonly (number | undefined)[];
  readonly aggregate: { readonly windows: readonly WindowAggregate[]; readonly isDone: boolean };
  readonly leave: undefined;
  readonly close: undefined;
}

/** What both workers are started with. */
export interface MetricWorkerData {
  readonly path: string;
  readonly maxSeries: number;
  /** Pages of 4 KiB that the database may have; the disk counts as full beyond that. For tests. */
  readonly maxPages?: number;
  /** Samples that are moved to where they are read at a time. */
  readonly settleSamples: number;
}
