/** A series as a sample names it: with the same name and labels it is the same series. */
export interface SeriesDraft {
  readonly name: string;
  /** A JSON object of text values in bytewise order of names, without spaces: equal labels are equal text. */
  readonly labels: string;
  /** Number of the contract's MetricKind; 0 if the sample does not say. */
  readonly kind: number;
  /** Empty if the sample does not say. */
  readonly unit: string;
}

/** One sample on its way into the store. */
export interface SampleDraft {
  /** Index of its series in the batch. */
  readonly series: number;
  /** In milliseconds since 1970, a whole number. */
  readonly timeMs: number;
  /** Finite. */
  readonly value: number;
  /** How many samples it stands for; finite, above 0. */
  readonly weight: number;
  /** Of its producer, 1 or more; 0 in a batch without a producer. */
  readonly sequence: number;
  /** Of a distribution, see `packDistribution`; its value is its mean then, and its weight its count. */
  readonly sketch?: Uint8Array;
}

/** Samples that are stored together. */
export interface SampleBatch {
  readonly series: readonly SeriesDraft[];
  readonly samples: readonly SampleDraft[];
  /** Who numbered the samples. Left out: nothing is a duplicate. */
  readonly producer?: ProducerProgress;
}

/** How far a producer is with a batch. */
export interface ProducerProgress {
  readonly id: string;
  /** The batch is stored only if the producer has got so far. 0: in any case. */
  readonly after: number;
  /** How far it is with the batch: no less than any sequence in it. */
  readonly upTo: number;
}

/** What became of a sample. */
export const SampleOutcome = {
  STORED: 0,
  /** Its producer was as far already. */
  DUPLICATE: 1,
  /** It would have begun a series, and there are as many as there may be. */
  NO_ROOM: 2,
} as const;

export interface BatchResult {
  /** A {@link SampleOutcome} for each sample, in order. */
  readonly outcomes: Uint8Array;
  /** For each series of the batch its number in the store; 0: there is none. */
  readonly seriesIds: readonly number[];
  /** How far the producer is; 0 without one. */
  readonly committedSequence: number;
}

/** The store does not have what the producer sent before this batch. */
export class ProducerGap extends Error {
  override readonly name = "ProducerGap";

  constructor(after: number, committed: number) {
    super(`a batch goes on after sequence ${String(after)}, but its producer has only got to ${String(committed)}`);
  }
}

/** A series as it is stored. */
export interface StoredSeries extends SeriesDraft {
  /** Later series have greater numbers; none is given twice. */
  readonly id: number;
}

export interface SeriesScan {
  /** Only series of this name … */
  readonly name?: string;
  /** … or of names that begin so. */
  readonly namePrefix?: string;
  /** Only series with greater numbers. */
  readonly afterId: number;
  /** 1 or more. */
  readonly maxSeries: number;
}

export interface SeriesPage {
  /** In order of number. */
  readonly series: readonly StoredSeries[];
  /** There are no more. */
  readonly exhausted: boolean;
}

/** What is to be aggregated. */
export interface AggregatePlan {
  /** Numbers of series, by group. */
  readonly groups: readonly (readonly number[])[];
  /** In milliseconds since 1970, inclusive. */
  readonly startMs: number;
  /** Exclusive. */
  readonly endMs: number;
  /** Width of a window; the first one begins at `startMs`. */
  readonly stepMs: number;
  /** From 0 to 1. */
  readonly quantiles: readonly number[];
}

/** What a number of samples say together. */
export interface Aggregate {
  /** Sum of weights. */
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly avg: number;
  readonly stddev: number;
  /** Value of the newest. */
  readonly last: number;
  readonly firstMs: number;
  readonly lastMs: number;
  /** One for each that was asked for. */
  readonly quantiles: readonly number[];
}

/** One window of one group. */
export interface WindowAggregate {
  /** Index of the group. */
  readonly group: number;
  readonly startMs: number;
  readonly aggregate: Aggregate;
}

/** Samples of metrics in series, and how far their producers are. Linearizable. */
export interface MetricStore extends AsyncDisposable {
  /**
   * Stores a batch, and how far its producer is with it, all or nothing. Resolves once it is durable; concurrent
   * batches share the cost of that. Batches take effect in the order of calls. A sample at or below what its
   * producer had got to before the batch is a duplicate, if there is its series, and is not stored again.
   *
   * @throws {ProducerGap} if `producer.after` is not reached: nothing is stored
   * @throws ServiceError `QUOTA_EXCEEDED` if the disk is full, `BACKEND_UNAVAILABLE` if the store cannot write
   */
  append(batch: SampleBatch): Promise<BatchResult>;

  /** A page of series. */
  series(scan: SeriesScan): Promise<SeriesPage>;

  /** When the newest sample of each series was taken, in milliseconds since 1970; `undefined` where there is none. */
  lastTimes(seriesIds: readonly number[]): Promise<readonly (number | undefined)[]>;

  /**
   * Aggregates all samples that were stored before this was called, and maybe later ones: group by group, in each
   * the windows in order of time, without empty ones. Holds a few hundred windows. Leaving the loop ends it.
   *
   * @throws ServiceError `RATE_LIMITED` if too many are under way
   */
  aggregate(plan: AggregatePlan): AsyncGenerator<readonly WindowAggregate[], void, undefined>;

  /**
   * Removes samples from before `beforeMs`, series that have none any more, and producers that were not heard of
   * since. A bounded number at a time: call it until it returns 0.
   */
  sweep(beforeMs: number): Promise<number>;

  /** Waits for batches under way and closes the store. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What a store is opened with. */
export interface MetricStoreLimits {
  /** Series that are kept at a time. */
  readonly maxSeries: number;
}
