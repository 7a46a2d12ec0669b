import type { StreamingError } from "../errors.js";
import type { CallOptions, ResumePolicy } from "../options.js";

/** What the samples of a series are: levels, amounts since the sample before, running totals that may start anew, or distributions. */
export type MetricKind = "gauge" | "delta" | "cumulative" | "distribution";

interface SampleContext {
  /** `[a-zA-Z_:][a-zA-Z0-9_:.]*`, at most 255 bytes. */
  readonly name: string;
  /** At most 30. Default: none. */
  readonly labels?: Readonly<Record<string, string>>;
  /** When it was taken; kept to the millisecond. Default: when it gets to the server. */
  readonly timestamp?: Date;
  /** In UCUM, such as `ms` or `By`. Default: as the series had it before, else none. */
  readonly unit?: string;
}

/** One value. */
export interface ValueSample extends SampleContext {
  /** The server refuses NaN and infinities. */
  readonly value: number;
  /** Default: as the series had it before, else none. */
  readonly kind?: Exclude<MetricKind, "distribution">;
  /** How many samples it stands for. Default 1. */
  readonly weight?: number;
  readonly distribution?: never;
}

/** Many values, aggregated already: see {@link DistributionRecorder}. */
export interface DistributionSample extends SampleContext {
  readonly distribution: MetricDistribution;
  readonly value?: never;
  readonly kind?: "distribution";
  readonly weight?: never;
}

export type MetricSample = ValueSample | DistributionSample;

/** What many values say together: a DDSketch, which can be merged with others. */
export interface MetricDistribution {
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  /** Of the bins, such as 0.01: bin i has values from gamma^(i-1) to gamma^i, gamma being (1 + a) / (1 - a). */
  readonly relativeAccuracy: number;
  /** How many values are in which bin; at most 4096 bins with `negativeBins`. */
  readonly positiveBins: ReadonlyMap<number, number>;
  /** The same of the magnitudes of negative values. */
  readonly negativeBins: ReadonlyMap<number, number>;
  readonly zeroCount: number;
}

export interface SendMetricsOptions extends Pick<CallOptions, "signal" | "headers"> {
  /**
   * Names these samples: sent again under it, in the same order, they are stored once. Default: a new one, which
   * makes this call exact, whatever happens to the connection and the server meanwhile.
   */
  readonly producerId?: string;
  /** Number of the first sample. Default 1; a producer that goes on with other samples goes on counting. */
  readonly firstSequence?: number;
  /** Samples of one message. Default 1000; at most 10_000. */
  readonly maxBatchSamples?: number;
  /** Bytes of one message; a larger sample is sent alone. Default 262_144; at most 2_097_152. */
  readonly maxBatchBytes?: number;
  /** Messages that are not acknowledged yet. Default 8; at most 64. */
  readonly maxInFlight?: number;
  /** How long a sample waits for others to be sent with, in milliseconds. Default 100. */
  readonly lingerMs?: number;
  /** Called whenever samples have become durable, or were refused. What it throws fails the call. */
  readonly onProgress?: (progress: SendMetricsProgress) => void;
  /** `false`: the first failure is final. Default: the client's policy. */
  readonly resume?: ResumePolicy | false;
}

/** How far a call is. */
export interface SendMetricsProgress {
  readonly storedCount: number;
  readonly duplicateCount: number;
  readonly rejectedCount: number;
}

/** A sample that the server refused. */
export interface MetricRejection {
  /** Index in what was sent. */
  readonly index: number;
  readonly name: string;
  readonly error: StreamingError;
}

/** What the stored samples of one name say together. */
export interface MetricStats {
  /** Sum of the weights. */
  readonly count: number;
  /** Sum of the values, each times its weight. */
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly avg: number;
}

/** What became of samples: each counts once. */
export interface MetricsSummary {
  /** Samples that this call has stored. */
  readonly storedCount: number;
  /** Samples that an earlier call of the same producer had sent already. */
  readonly duplicateCount: number;
  readonly rejectedCount: number;
  /** The first 100 that were refused. */
  readonly rejections: readonly MetricRejection[];
  /** By name, of what this call has stored; the first 10_000 names. */
  readonly stats: ReadonlyMap<string, MetricStats>;
  /** There were more names. */
  readonly truncated: boolean;
  readonly producerId: string;
  /** Number of the newest sample of the producer that is durable. */
  readonly committedSequence: number;
}

export interface MetricsReporterOptions extends Pick<CallOptions, "headers"> {
  /** Labels of every sample. Default: none. */
  readonly labels?: Readonly<Record<string, string>>;
  /** How long a sample waits before it is sent, in milliseconds. Default 1000. */
  readonly flushIntervalMs?: number;
  /** Samples that are held at a time, those on their way included. Default 10_000. */
  readonly maxQueuedSamples?: number;
  /** Bytes of all samples that are held, about. Default 4_194_304. */
  readonly maxQueuedBytes?: number;
  /** Which sample goes when there are too many. Default `drop-oldest`; what is on its way stays. */
  readonly onFull?: "drop-oldest" | "drop-newest";
  /** How long disposing waits for what is held to be stored, in milliseconds. Default 5000. */
  readonly closeTimeoutMs?: number;
  /** Called with what a background send failed with; its samples are counted as dropped. Default: nothing. */
  readonly onError?: (error: unknown) => void;
  /** `false`: the first failure is final. Default: the client's policy. */
  readonly resume?: ResumePolicy | false;
}

/** What a sample says besides its name, value and labels. */
export type RecordOptions = Pick<ValueSample, "timestamp" | "kind" | "unit" | "weight">;

/** Takes samples and sends them in the background, in bounded memory. Disposing of it flushes. */
export interface MetricsReporter extends AsyncDisposable {
  /**
   * Takes a sample; never waits and never fails for want of room. Its timestamp is this moment, by default.
   *
   * @returns false if this sample was dropped at once
   * @throws {TypeError} for an option that is unknown, and what is no name, value or label at all
   */
  record(name: string, value: number, labels?: Readonly<Record<string, string>>, options?: RecordOptions): boolean;
  /**
   * Resolves when all that was recorded before is stored, refused or dropped.
   *
   * @throws {StreamingError} if sending it failed for good
   */
  flush(): Promise<void>;
  /** Samples that were not sent for want of room, or are not known to be stored because sending failed for good. */
  readonly dropped: number;
  /** Samples that the server refused. */
  readonly rejected: number;
  /** Samples that are durable. */
  readonly stored: number;
  /** Samples that are held, those on their way included. */
  readonly queued: number;
  /** Takes no more samples and flushes, at most for `closeTimeoutMs`; what is left then is dropped. Never rejects. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface QueryMetricsOptions extends Pick<CallOptions, "signal" | "headers" | "idleTimeoutMs"> {
  /** Samples from this moment on. Default: as far back as samples are kept. */
  readonly from?: Date;
  /** Samples before this moment. Default: now. */
  readonly to?: Date;
  /** Width of a window, in milliseconds. Default: one window. At most 100_000 windows in all groups together. */
  readonly stepMs?: number;
  /** Labels to keep apart. Default: one group of all series. */
  readonly groupBy?: readonly string[];
  /** CEL over `labels` and `series` (name, unit), such as `labels.region == "eu"`. */
  readonly filter?: string;
  /** From 0 to 1, at most 20. Default: none. */
  readonly quantiles?: readonly number[];
}

/** One window of one group. */
export interface MetricWindow extends MetricStats {
  /** Of `groupBy`, as far as the series have them. */
  readonly labels: Readonly<Record<string, string>>;
  readonly start: Date;
  /** Population standard deviation. */
  readonly stddev: number;
  /** Value of the newest sample. */
  readonly last: number;
  /** Moments of the oldest and the newest sample. */
  readonly firstAt: Date;
  readonly lastAt: Date;
  /** In the order in which they were asked for, each at most 1 % off. */
  readonly quantiles: readonly { readonly quantile: number; readonly value: number }[];
}

export interface ListSeriesOptions extends CallOptions {
  /** Only names that begin so. */
  readonly namePrefix?: string;
  /** CEL over `labels` and `series` (name, unit). */
  readonly filter?: string;
  /** Series fetched at a time. Default 100, at most 1000. */
  readonly pageSize?: number;
}

/** A metric's name with labels. */
export interface MetricSeries {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** As its newest sample says that says something. */
  readonly kind: MetricKind | undefined;
  /** Empty if no sample says. */
  readonly unit: string;
  /** Moment of its newest sample; `undefined` if that is gone. */
  readonly lastAt: Date | undefined;
}
