import type { ItemError, Metric } from "@millrace/shared-types";

import { statusError } from "../rpc/status-error.js";
import type { MetricBatch } from "./metric-batches.js";
import type { MetricRejection, MetricStats, SendMetricsProgress } from "./types.js";

const MAX_REJECTIONS = 100;
const MAX_NAMES = 10_000;

/** What became of the samples that were sent: each is counted once, when the server has said what became of it. */
export class SendTally {
  readonly rejections: MetricRejection[] = [];
  truncated = false;
  readonly #names = new Map<string, NameTally>();
  readonly #method: string;
  #stored = 0;
  #duplicates = 0;
  #rejected = 0;

  /** @param method named in errors */
  constructor(method: string) {
    this.#method = method;
  }

  /** @param knownBefore what the producer had sent before: such samples are duplicates */
  add({ firstIndex, metrics }: MetricBatch, rejections: readonly ItemError[], knownBefore: number): void {
    const rejected = new Map(rejections.map((rejection) => [rejection.index, rejection]));
    for (const [at, metric] of metrics.entries()) {
      const rejection = rejected.get(at);
      if (rejection !== undefined) this.#reject(firstIndex + at, metric, rejection);
      else if (metric.sequence <= knownBefore) this.#duplicates++;
      else this.#store(metric);
    }
  }

  get progress(): SendMetricsProgress {
    return { storedCount: this.#stored, duplicateCount: this.#duplicates, rejectedCount: this.#rejected };
  }

  get stats(): ReadonlyMap<string, MetricStats> {
    return new Map([...this.#names].map(([name, tally]) => [name, tally.stats]));
  }

  #reject(index: number, { name }: Metric, { status }: ItemError): void {
    this.#rejected++;
    if (this.rejections.length >= MAX_REJECTIONS) return;
    const told = status ?? { code: 2, message: "refused", details: [] };
    this.rejections.push({ index, name, error: statusError(told, this.#method) });
  }

  #store(metric: Metric): void {
    this.#stored++;
    this.#tallyOf(metric.name)?.add(metric);
  }

  #tallyOf(name: string): NameTally | undefined {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    this.truncated ||= this.#names.size >= MAX_NAMES;
    if (this.truncated) return undefined;
    const tally = new NameTally();
    this.#names.set(name, tally);
    return tally;
  }
}

/** Samples of one name. The sum does not lose what is small beside what is large (Neumaier). */
class NameTally {
  #count = 0;
  #sum = 0;
  #lost = 0;
  #min = Infinity;
  #max = -Infinity;

  add({ value, weight, distribution }: Metric): void {
    const count = weight || 1;
    if (distribution !== undefined) this.#add(distribution, distribution.sum);
    else this.#add({ count, min: value, max: value }, value * count);
  }

  #add({ count, min, max }: Pick<MetricStats, "count" | "min" | "max">, amount: number): void {
    const sum = this.#sum + amount;
    this.#lost += Math.abs(this.#sum) >= Math.abs(amount) ? this.#sum - sum + amount : amount - sum + this.#sum;
    this.#sum = sum;
    this.#count += count;
    this.#min = Math.min(this.#min, min);
    this.#max = Math.max(this.#max, max);
  }

  get stats(): MetricStats {
    const sum = Number.isFinite(this.#sum) ? this.#sum + this.#lost : this.#sum;
    return { count: this.#count, sum, min: this.#min, max: this.#max, avg: sum / this.#count };
  }
}
