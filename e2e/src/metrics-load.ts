import { setTimeout as sleep } from "node:timers/promises";

import { createClient, type MetricWindow, type StreamingClient } from "@millrace/client-sdk";
import { Metric, type MetricsSummary } from "@millrace/shared-types";

import type { ServerProcess } from "./support/server-process.js";

export interface MetricsLoadPlan {
  /** Samples that are sent, twice. */
  readonly samples: number;
  readonly series: number;
  /** Samples of as many names, in one stream, beyond what the server keeps. */
  readonly distinctNames: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** What the server said, beside what a plain computation says. */
export interface MetricsLoadReport {
  readonly samplesPerSecond: number;
  readonly duplicatesPerSecond: number;
  readonly distinctNamesPerSecond: number;
  readonly queryMs: number;
  /** Counts and sums, of summaries and queries, that differ from the plain computation. */
  readonly wrong: readonly string[];
  /** Largest distance of a quantile from the exact one, relative to it. */
  readonly worstQuantileError: number;
  /** Resident memory of the server: at first, and the most while samples came in, and while names did. */
  readonly residentStart: number;
  readonly residentPeak: number;
  readonly residentPeakOfNames: number;
}

const QUANTILES = [0.01, 0.5, 0.9, 0.95, 0.99];

/** Samples of one series in a row have values of so many decades. */
const DECADES = 9;

/** Every so many samples is one that must be refused. */
const BAD_EVERY = 1000;
const BAD_VALUES = [Number.NaN, Infinity, -Infinity];

/** Names of the first, of which one means something in JavaScript. */
const NAMES = ["__proto__", "constructor", "requests", "bytes", "latency"];

const MEMORY_PROBE_MS = 100;

/** Sends samples as a client of the seed does, one per message, and compares what the server makes of them. */
export async function measureMetrics(server: ServerProcess, plan: MetricsLoadPlan): Promise<MetricsLoadReport> {
  await using client = createClient({ target: server.target });
  const expected = new PlainMetrics(plan);
  const checks = new Checks();
  const residentStart = await server.residentBytes();
  const probe = probeMemory(server);
  const first = await timed(() => collect(client, expected.samples()));
  expected.check(first.result, checks);
  const second = await timed(() => collect(client, expected.samples()));
  const { totalCount, duplicateCount, rejectedCount, committedSequence } = second.result;
  checks.equal("accepted when sent again", totalCount, 0);
  checks.equal("duplicates when sent again", duplicateCount, expected.good);
  checks.equal("rejected when sent again", rejectedCount, expected.bad);
  checks.equal("committed sequence", committedSequence, plan.samples);
  const query = await timed(() => queryAll(client, expected, checks));
  const residentPeak = await probe.stop();
  const namesProbe = probeMemory(server);
  const names = await timed(() => collect(client, distinctNames(plan.distinctNames)));
  checks.equal("samples of distinct names", names.result.totalCount + names.result.rejectedCount, plan.distinctNames);
  checks.equal("names in the summary", names.result.aggregates.size, Math.min(10_000, plan.distinctNames));
  return {
    samplesPerSecond: plan.samples / first.seconds,
    duplicatesPerSecond: plan.samples / second.seconds,
    distinctNamesPerSecond: plan.distinctNames / names.seconds,
    queryMs: query.seconds * 1000,
    wrong: checks.wrong,
    worstQuantileError: query.result,
    residentStart,
    residentPeak,
    residentPeakOfNames: await namesProbe.stop(),
  };
}

/** The samples of a plan, and what they say, computed in the plainest way. */
class PlainMetrics {
  bad = 0;
  /** By name. All values are multiples of 1/8 and not too large: plain sums of them are exact. */
  readonly #values = new Map<string, number[]>();
  readonly #samples: { readonly name: string; readonly series: number; readonly value: number }[] = [];
  readonly #takenAtSeconds = Math.floor(Date.now() / 1000) - 60;

  constructor({ samples, series, random }: MetricsLoadPlan) {
    for (let n = 0; n < samples; n++) {
      const name = NAMES[n % NAMES.length] ?? "";
      const isBad = n % BAD_EVERY === BAD_EVERY - 1;
      const value = isBad ? (BAD_VALUES[this.bad++ % BAD_VALUES.length] ?? 0) : valueOf(random);
      this.#samples.push({ name, series: Math.floor(n / NAMES.length) % Math.ceil(series / NAMES.length), value });
      if (!isBad) this.valuesOf(name).push(value);
    }
  }

  get good(): number {
    return this.#samples.length - this.bad;
  }

  get names(): Iterable<string> {
    return this.#values.keys();
  }

  valuesOf(name: string): number[] {
    const values = this.#values.get(name) ?? [];
    this.#values.set(name, values);
    return values;
  }

  *samples(): Generator<Metric> {
    for (const [index, { name, series, value }] of this.#samples.entries()) {
      yield {
        ...EMPTY,
        name,
        value,
        labels: new Map([["series", String(series)]]),
        timestamp: { seconds: this.#takenAtSeconds + (index % 60), nanos: 0 },
        producerId: index === 0 ? "load" : "",
        sequence: index + 1,
      };
    }
  }

  check(summary: MetricsSummary, checks: Checks): void {
    checks.equal("accepted", summary.totalCount, this.good);
    checks.equal("rejected", summary.rejectedCount, this.bad);
    checks.equal("duplicates", summary.duplicateCount, 0);
    for (const name of this.names) {
      checks.equal(`sum of ${name}`, summary.aggregates.get(name), sumOf(this.valuesOf(name)));
      checks.equal(`count of ${name}`, summary.stats.get(name)?.count, this.valuesOf(name).length);
    }
  }
}

const EMPTY: Metric = Metric.fromPartial({});

function valueOf(random: () => number): number {
  const magnitude = Math.round(2 ** (random() * DECADES * Math.log2(10) - 3) * 8) / 8;
  return random() < 0.2 ? -magnitude : magnitude;
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** What was found that should have been something else. */
class Checks {
  readonly wrong: string[] = [];

  equal(what: string, found: number | undefined, expected: number): void {
    if (found !== expected) this.wrong.push(`${what}: ${String(found)}, not ${String(expected)}`);
  }
}

function collect(client: StreamingClient, samples: Iterable<Metric>): Promise<MetricsSummary> {
  return client.raw.streamingService.collectMetrics(samples);
}

/** Asks for all names; gives the largest error of a quantile. */
async function queryAll(client: StreamingClient, expected: PlainMetrics, checks: Checks): Promise<number> {
  let worst = 0;
  for (const name of expected.names) {
    const values = expected.valuesOf(name).toSorted((a, b) => a - b);
    const window = await onlyWindow(client, name);
    checks.equal(`queried count of ${name}`, window?.count, values.length);
    checks.equal(`queried sum of ${name}`, window?.sum, sumOf(values));
    checks.equal(`queried minimum of ${name}`, window?.min, values[0] ?? 0);
    checks.equal(`queried maximum of ${name}`, window?.max, values.at(-1) ?? 0);
    for (const { quantile, value } of window?.quantiles ?? []) {
      const exact = values[Math.floor(quantile * (values.length - 1))] ?? 0;
      worst = Math.max(worst, Math.abs(value - exact) / Math.max(Math.abs(exact), 1 / 8));
    }
    checks.equal(`quantiles of ${name}`, window?.quantiles.length, QUANTILES.length);
  }
  return worst;
}

async function onlyWindow({ metrics }: StreamingClient, name: string): Promise<MetricWindow | undefined> {
  let found: MetricWindow | undefined;
  for await (const window of metrics.query(name, { quantiles: QUANTILES })) found = window;
  return found;
}

function* distinctNames(count: number): Generator<Metric> {
  for (let n = 0; n < count; n++) yield { ...EMPTY, name: `distinct_name_${String(n)}`, value: 1 };
}

async function timed<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly seconds: number }> {
  const startedAt = performance.now();
  const result = await work();
  return { result, seconds: (performance.now() - startedAt) / 1000 };
}

function probeMemory(server: ServerProcess): { stop(): Promise<number> } {
  const stopping = new AbortController();
  const probing = (async () => {
    let peak = 0;
    while (!stopping.signal.aborted) {
      peak = Math.max(peak, await server.residentBytes());
      await sleep(MEMORY_PROBE_MS);
    }
    return peak;
  })();
  return {
    stop() {
      stopping.abort();
      return probing;
    },
  };
}
