/** The samples of a SqliteMetricStore, as its writing thread sees them. Imports only node: modules. */
import type { DatabaseSync, StatementSync } from "node:sqlite";

/** What is kept of a sample besides its series. */
export interface ArrivingSample {
  readonly timeMs: number;
  readonly value: number;
  readonly weight: number;
  readonly sketch?: Uint8Array | null;
}

/** Writes samples as they come, and moves them to where they are read. Within a transaction of the caller. */
export class SampleTables {
  readonly #settleSamples: number;
  readonly #statements: Readonly<Record<"arrive" | "settle" | "clear" | "mark" | "state", StatementSync>>;
  /** Number of the newest sample. */
  #number = 0;
  #arrivals = 0;

  constructor(database: DatabaseSync, settleSamples: number) {
    this.#settleSamples = settleSamples;
    this.#statements = {
      arrive: database.prepare("INSERT INTO arrivals VALUES (?, ?, ?, ?, ?, ?)"),
      settle: database.prepare(
        `INSERT INTO settled SELECT series_id, time_ms, number, value, weight, sketch FROM arrivals
         ORDER BY series_id, time_ms, number`,
      ),
      clear: database.prepare("DELETE FROM arrivals"),
      mark: database.prepare("UPDATE progress SET settled_to = ?"),
      state: database.prepare(
        `SELECT count(*) AS arrivals, max(coalesce(max(number), 0), (SELECT settled_to FROM progress)) AS number
         FROM arrivals`,
      ),
    };
    this.load();
  }

  add(seriesId: number, { timeMs, value, weight, sketch = null }: ArrivingSample): void {
    this.#number += 1;
    this.#arrivals += 1;
    this.#statements.arrive.run(this.#number, seriesId, timeMs, value, weight, sketch);
  }

  settleIfMany(): void {
    if (this.#arrivals >= this.#settleSamples) this.settle();
  }

  settle(): void {
    if (this.#arrivals === 0) return;
    this.#statements.settle.run();
    this.#statements.clear.run();
    this.#statements.mark.run(this.#number);
    this.#arrivals = 0;
  }

  /** As it is in the database: also after a transaction that was not committed. */
  load(): void {
    const state = this.#statements.state.get();
    this.#arrivals = Number(state?.["arrivals"]);
    this.#number = Number(state?.["number"]);
  }
}
