/** How a SqliteMetricStore takes batches. Imports only node: modules and what does so too. */
import type { DatabaseSync, StatementSync } from "node:sqlite";

import { SampleOutcome } from "../../ports/metric-store.js";

import {
  type PackedBatch,
  type PackedResult,
  type PackedSeries,
  sampleAt,
  sampleCount,
  seriesIn,
} from "./sqlite-metric-batches.js";
import type { SampleTables } from "./sqlite-metric-samples.js";
import type { SeriesTable } from "./sqlite-metric-series.js";

/** Takes batches within a transaction of the caller. */
export class MetricAppender {
  readonly #series: SeriesTable;
  readonly #samples: SampleTables;
  readonly #statements: Readonly<Record<"committed" | "goOn", StatementSync>>;

  constructor(database: DatabaseSync, series: SeriesTable, samples: SampleTables) {
    this.#series = series;
    this.#samples = samples;
    this.#statements = {
      committed: database.prepare("SELECT sequence FROM producers WHERE producer_id = ?"),
      goOn: database.prepare(
        `INSERT INTO producers VALUES (?, ?, ?)
         ON CONFLICT DO UPDATE SET sequence = excluded.sequence, heard_at_ms = excluded.heard_at_ms`,
      ),
    };
  }

  append(batch: PackedBatch, nowMs: number): PackedResult {
    const { producer } = batch;
    const committed = producer === undefined ? 0 : this.#committedOf(producer.id);
    if (producer !== undefined && committed < producer.after) return { gap: { after: producer.after, committed } };
    const places = new SeriesPlaces(seriesIn(batch), this.#series);
    const outcomes = new Uint8Array(sampleCount(batch));
    for (let index = 0; index < outcomes.length; index++) {
      const sample = sampleAt(batch, index);
      const isOld = producer !== undefined && sample.sequence <= committed;
      const seriesId = places.idOf(sample.series, !isOld);
      if (seriesId === undefined) outcomes[index] = SampleOutcome.NO_ROOM;
      else if (isOld) outcomes[index] = SampleOutcome.DUPLICATE;
      else this.#samples.add(seriesId, sample);
    }
    const committedSequence = Math.max(committed, producer?.upTo ?? 0);
    if (producer !== undefined) this.#statements.goOn.run(producer.id, committedSequence, nowMs);
    return { outcomes, seriesIds: places.ids, committedSequence };
  }

  #committedOf(producerId: string): number {
    return Number(this.#statements.committed.get(producerId)?.["sequence"] ?? 0);
  }
}

/** The series of one batch, each looked for once. */
class SeriesPlaces {
  /** 0: there is none, or nobody has asked. */
  readonly ids: number[];
  readonly #series: readonly PackedSeries[];
  readonly #table: SeriesTable;

  constructor(series: readonly PackedSeries[], table: SeriesTable) {
    this.ids = series.map(() => 0);
    this.#series = series;
    this.#table = table;
  }

  /** @param begins whether the series begins if there is none */
  idOf(index: number, begins: boolean): number | undefined {
    const known = this.ids[index];
    if (known !== undefined && known !== 0) return known;
    const series = this.#series[index];
    if (series === undefined) throw new TypeError("a sample has no series");
    const id = begins ? this.#table.findOrBegin(series) : this.#table.find(series);
    this.ids[index] = id ?? 0;
    return id;
  }
}
