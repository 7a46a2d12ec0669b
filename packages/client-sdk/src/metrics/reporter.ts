import { randomUUID } from "node:crypto";

import { FailedPreconditionError } from "../errors.js";
import { checkReporterOptions, checkSample } from "./check-metrics-options.js";
import { sizeOfMetric } from "./metric-message.js";
import type { MetricsDeps } from "./metrics-api.js";
import { sendMetrics } from "./send.js";
import type {
  MetricSample,
  MetricsReporter,
  MetricsReporterOptions,
  RecordOptions,
  SendMetricsProgress,
} from "./types.js";

const DEFAULT_FLUSH_INTERVAL_MS = 1000;
const DEFAULT_QUEUED_SAMPLES = 10_000;
const DEFAULT_QUEUED_BYTES: number = 4 * 1024 * 1024;
const DEFAULT_CLOSE_TIMEOUT_MS = 5000;

/** Opens a reporter. See {@link MetricsApi.reporter}. */
export function reporter(deps: MetricsDeps, options: MetricsReporterOptions = {}): MetricsReporter {
  checkReporterOptions(options);
  return new BackgroundReporter(deps, options);
}

interface Held {
  readonly sample: MetricSample;
  readonly bytes: number;
}

class BackgroundReporter implements MetricsReporter {
  readonly #deps: MetricsDeps;
  readonly #options: MetricsReporterOptions;
  readonly #producerId = randomUUID();
  readonly #stop = new AbortController();
  /** In order; a set, because removing the first of many from an array is slow. Those on their way are not in it. */
  readonly #waiting = new Set<Held>();
  #queued = 0;
  #queuedBytes = 0;
  #sequence = 1;
  #stored = 0;
  #rejected = 0;
  #dropped = 0;
  #sending: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  constructor(deps: MetricsDeps, options: MetricsReporterOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  get dropped(): number {
    return this.#dropped;
  }

  get rejected(): number {
    return this.#rejected;
  }

  get stored(): number {
    return this.#stored;
  }

  get queued(): number {
    return this.#queued;
  }

  record(
    name: string,
    value: number,
    labels: Readonly<Record<string, string>> = {},
    options: RecordOptions = {},
  ): boolean {
    const timestamp = options.timestamp ?? new Date(this.#deps.clock.now());
    const sample = { ...options, name, value, labels: { ...this.#options.labels, ...labels }, timestamp };
    checkSample(sample);
    const held = { sample, bytes: bytesOf(sample) };
    if (this.#closed !== undefined || !this.#makeRoomFor(held)) {
      this.#dropped++;
      return false;
    }
    this.#waiting.add(held);
    this.#queued++;
    this.#queuedBytes += held.bytes;
    this.#sendLater();
    return true;
  }

  async flush(): Promise<void> {
    if (this.#closed !== undefined) throw new FailedPreconditionError("the reporter is closed");
    await this.#flush();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Drops what is to go; false if there is no room for this one. */
  #makeRoomFor({ bytes }: Held): boolean {
    const { maxQueuedSamples = DEFAULT_QUEUED_SAMPLES, maxQueuedBytes = DEFAULT_QUEUED_BYTES } = this.#options;
    const hasRoom = (): boolean => this.#queued < maxQueuedSamples && this.#queuedBytes + bytes <= maxQueuedBytes;
    if (this.#options.onFull === "drop-newest" || bytes > maxQueuedBytes) return hasRoom();
    for (const oldest of this.#waiting) {
      if (hasRoom()) break;
      this.#waiting.delete(oldest);
      this.#release([oldest]);
      this.#dropped++;
    }
    return hasRoom();
  }

  #release(held: Iterable<Held>): void {
    for (const { bytes } of held) {
      this.#queued--;
      this.#queuedBytes -= bytes;
    }
  }

  #sendLater(): void {
    const { flushIntervalMs = DEFAULT_FLUSH_INTERVAL_MS } = this.#options;
    this.#cancelTimer ??= this.#deps.clock.after(flushIntervalMs, () => {
      this.#cancelTimer = undefined;
      this.#flush().catch((error: unknown) => this.#options.onError?.(error));
    });
  }

  /** Sends until all that waits now is settled. */
  async #flush(): Promise<void> {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const last = [...this.#waiting].at(-1);
    if (this.#sending !== undefined) await this.#sending.catch(() => {}); // told to who began it
    while (last !== undefined && this.#waiting.has(last)) {
      this.#sending ??= this.#send([...this.#waiting]).finally(() => (this.#sending = undefined));
      await this.#sending;
    }
    await this.#sending; // it may be among those on their way
  }

  async #send(held: readonly Held[]): Promise<void> {
    const firstSequence = this.#sequence;
    this.#sequence += held.length;
    for (const each of held) this.#waiting.delete(each);
    const { headers, resume } = this.#options;
    const counts = new ProgressCounts();
    try {
      const samples = held.map(({ sample }) => sample);
      await sendMetrics(this.#deps, samples, {
        producerId: this.#producerId,
        firstSequence,
        signal: this.#stop.signal,
        ...(headers && { headers }),
        ...(resume !== undefined && { resume }),
        onProgress: (progress) => counts.update(progress),
      });
    } finally {
      this.#stored += counts.stored;
      this.#rejected += counts.rejected;
      this.#dropped += held.length - counts.stored - counts.rejected;
      this.#release(held);
    }
  }

  async #close(): Promise<void> {
    const { closeTimeoutMs = DEFAULT_CLOSE_TIMEOUT_MS } = this.#options;
    const stopTimer = this.#deps.clock.after(closeTimeoutMs, () => this.#stop.abort());
    try {
      await this.#flush();
    } catch (error) {
      this.#options.onError?.(error);
    } finally {
      stopTimer();
      this.#cancelTimer?.();
      this.#release(this.#waiting);
      this.#dropped += this.#waiting.size;
      this.#waiting.clear();
    }
  }
}

/** What became of the samples of one send, as far as it got. */
class ProgressCounts {
  stored = 0;
  rejected = 0;

  update({ storedCount, rejectedCount }: SendMetricsProgress): void {
    this.stored = storedCount;
    this.rejected = rejectedCount;
  }
}

function bytesOf({ name, labels = {}, unit = "" }: MetricSample): number {
  return sizeOfMetric({ name, labels: new Map(Object.entries(labels)), unit });
}
