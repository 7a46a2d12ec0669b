/** How a SqliteMetricStore is read. Imports only node: modules and what does so too. */
import type { DatabaseSync, StatementSync } from "node:sqlite";

import { type AggregateStep, aggregateWindows, type SampleRow } from "../../ports/aggregate-windows.js";
import type { AggregatePlan, SeriesPage, SeriesScan, StoredSeries, WindowAggregate } from "../../ports/metric-store.js";

import type { MetricReadResults } from "./sqlite-metric-protocol.js";

/** Samples that are fetched at a time. */
const FETCH_SAMPLES = 4096;

/** What one request does, at most: bounds how long others wait, and how much is answered. */
const STEP_SAMPLES = 20_000;
const STEP_READS = 2000;
const STEP_WINDOWS = 512;

/** What a page of series says, in characters of labels: one series may have more. */
const PAGE_CHARS = 1024 * 1024;

/** Beyond every text that begins with a prefix of ASCII. */
const AFTER_ALL = "\u{10ffff}";

type StatementName = "ofName" | "ofPrefix" | "samples" | "lastTime";

/** Reads series, and aggregates samples step by step. */
export class MetricReader {
  readonly #statements: Readonly<Record<StatementName, StatementSync>>;
  readonly #aggregations = new Map<number, Iterator<AggregateStep, void, undefined>>();

  constructor(database: DatabaseSync) {
    const series = "SELECT series_id AS id, name, labels, kind, unit FROM series";
    this.#statements = {
      ofName: database.prepare(`${series} WHERE name = ? AND series_id > ? ORDER BY series_id LIMIT ?`),
      ofPrefix: database.prepare(
        `${series} NOT INDEXED WHERE series_id > ? AND name >= ? AND name < ? ORDER BY series_id LIMIT ?`,
      ),
      samples: database.prepare(
        `SELECT time_ms, number, value, weight, sketch FROM settled
         WHERE series_id = ? AND (time_ms, number) > (?, ?) AND time_ms < ?
         ORDER BY time_ms, number LIMIT ${String(FETCH_SAMPLES)}`,
      ),
      lastTime: database.prepare("SELECT max(time_ms) AS lastMs FROM settled WHERE series_id = ?"),
    };
    this.#statements.samples.setReturnArrays(true);
  }

  series({ name, namePrefix = "", afterId, maxSeries }: SeriesScan): SeriesPage {
    const { ofName, ofPrefix } = this.#statements;
    const found = (name === undefined
      ? ofPrefix.all(afterId, namePrefix, namePrefix + AFTER_ALL, maxSeries + 1)
      : ofName.all(name, afterId, maxSeries + 1)) as unknown as readonly StoredSeries[];
    const series = withinChars(found.slice(0, maxSeries));
    return { series, exhausted: series.length === found.length };
  }

  lastTimes(seriesIds: readonly number[]): readonly (number | undefined)[] {
    return seriesIds.map((id) => {
      const lastMs = this.#statements.lastTime.get(id)?.["lastMs"];
      return typeof lastMs === "number" ? lastMs : undefined;
    });
  }

  /** Begins an aggregation, or goes on with it. */
  aggregate(id: number, plan: AggregatePlan | undefined): MetricReadResults["aggregate"] {
    const steps = this.#aggregations.get(id) ?? this.#begin(id, plan);
    const windows: WindowAggregate[] = [];
    for (
      let samples = 0, reads = 0;
      samples < STEP_SAMPLES && reads < STEP_READS && windows.length < STEP_WINDOWS;
      reads++
    ) {
      const next = steps.next();
      if (next.done === true) {
        this.leave(id);
        return { windows, isDone: true };
      }
      samples += next.value.samples;
      windows.push(...next.value.windows);
    }
    return { windows, isDone: false };
  }

  leave(id: number): void {
    this.#aggregations.delete(id);
  }

  #begin(id: number, plan: AggregatePlan | undefined): Iterator<AggregateStep, void, undefined> {
    if (plan === undefined) throw new Error("an aggregation has no plan");
    const steps = aggregateWindows(plan, (...range) => this.#samplesOf(...range));
    this.#aggregations.set(id, steps);
    return steps;
  }

  *#samplesOf(seriesId: number, fromMs: number, toMs: number): Generator<readonly SampleRow[], void, undefined> {
    let after: readonly [timeMs: number, number: number] = [fromMs, -1];
    for (;;) {
      const rows = this.#statements.samples.all(seriesId, ...after, toMs) as unknown as readonly PackedRow[];
      yield rows.map(([timeMs, , value, weight, sketch]) => {
        return { timeMs, value, weight, sketch: sketch ?? undefined };
      });
      const last = rows.at(-1);
      if (last === undefined || rows.length < FETCH_SAMPLES) return;
      after = [last[0], last[1]];
    }
  }
}

type PackedRow = readonly [timeMs: number, number: number, value: number, weight: number, sketch: Uint8Array | null];

function withinChars(series: readonly StoredSeries[]): readonly StoredSeries[] {
  let chars = 0;
  const end = series.findIndex(({ labels }, index) => (chars += labels.length) > PAGE_CHARS && index > 0);
  return end === -1 ? series : series.slice(0, end);
}
