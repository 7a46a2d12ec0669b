/** How a SqliteMetricStore removes what has had its time. Imports only node: modules and what does so too. */
import type { DatabaseSync, StatementSync } from "node:sqlite";

import type { SweepStep } from "./sqlite-metric-protocol.js";
import type { SampleTables } from "./sqlite-metric-samples.js";
import type { SeriesTable } from "./sqlite-metric-series.js";

/** Series that one step looks at, and samples and producers that it removes, at most. */
const STEP_SERIES = 500;
const STEP_SAMPLES = 10_000;

/** Removes step by step, each within a transaction of the caller. */
export class MetricRemover {
  readonly #series: SeriesTable;
  readonly #samples: SampleTables;
  readonly #statements: Readonly<Record<"next" | "removeSamples" | "hasSamples" | "removeProducers", StatementSync>>;

  constructor(database: DatabaseSync, series: SeriesTable, samples: SampleTables) {
    this.#series = series;
    this.#samples = samples;
    this.#statements = {
      next: database.prepare("SELECT series_id AS id FROM series WHERE series_id > ? ORDER BY series_id LIMIT ?"),
      removeSamples: database.prepare(
        `DELETE FROM settled WHERE (series_id, time_ms, number) IN (
           SELECT series_id, time_ms, number FROM settled WHERE series_id = ? AND time_ms < ? LIMIT ?
         )`,
      ),
      hasSamples: database.prepare("SELECT 1 FROM settled WHERE series_id = ? LIMIT 1"),
      removeProducers: database.prepare(
        `DELETE FROM producers WHERE producer_id IN (
           SELECT producer_id FROM producers WHERE heard_at_ms < ? ORDER BY heard_at_ms LIMIT ?
         )`,
      ),
    };
  }

  sweep(beforeMs: number, afterId: number): SweepStep {
    this.#samples.settle();
    let removed = afterId === 0 ? Number(this.#statements.removeProducers.run(beforeMs, STEP_SAMPLES).changes) : 0;
    let lastId = afterId;
    const next = this.#statements.next.all(afterId, STEP_SERIES).map(({ id }) => Number(id));
    for (const id of next) {
      removed += Number(this.#statements.removeSamples.run(id, beforeMs, STEP_SAMPLES - removed).changes);
      if (removed >= STEP_SAMPLES) return { removed, afterId: lastId }; // it may have more
      if (this.#statements.hasSamples.get(id) === undefined) this.#series.remove(id);
      lastId = id;
    }
    return { removed, afterId: next.length < STEP_SERIES ? undefined : lastId };
  }
}
