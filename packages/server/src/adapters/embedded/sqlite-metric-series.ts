/** The series of a SqliteMetricStore. Imports only node: modules and what does so too. */
import type { DatabaseSync, StatementSync } from "node:sqlite";

import type { PackedSeries } from "./sqlite-metric-batches.js";

/** What is kept of series that were looked for, in characters of names and labels. */
const MAX_KNOWN_CHARS = 32 * 1024 * 1024;

interface KnownSeries {
  readonly id: number;
  readonly kind: number;
  readonly unit: string;
}

/** Finds series by name and labels, and begins new ones, within a transaction of the caller. */
export class SeriesTable {
  readonly #maxSeries: number;
  readonly #statements: Readonly<Record<"find" | "begin" | "describe" | "remove" | "count", StatementSync>>;
  readonly #known = new Map<string, KnownSeries>();
  #knownChars = 0;
  #count = 0;

  constructor(database: DatabaseSync, maxSeries: number) {
    this.#maxSeries = maxSeries;
    this.#statements = {
      find: database.prepare("SELECT series_id AS id, kind, unit FROM series WHERE name = ? AND labels = ?"),
      begin: database.prepare("INSERT INTO series (name, labels, kind, unit) VALUES (?, ?, ?, ?)"),
      describe: database.prepare("UPDATE series SET kind = ?, unit = ? WHERE series_id = ?"),
      remove: database.prepare("DELETE FROM series WHERE series_id = ?"),
      count: database.prepare("SELECT count(*) AS count FROM series"),
    };
    this.forget();
  }

  /** Number of the series; `undefined` if there is none. */
  find({ key }: PackedSeries): number | undefined {
    return this.#find(key)?.id;
  }

  /** Number of the series, which begins if there is none; `undefined` if there are too many. */
  findOrBegin({ key, kind, unit }: PackedSeries): number | undefined {
    const found = this.#find(key);
    if (found === undefined) return this.#begin(key, kind, unit);
    const [newKind, newUnit] = [kind || found.kind, unit || found.unit];
    if (newKind !== found.kind || newUnit !== found.unit) {
      this.#statements.describe.run(newKind, newUnit, found.id);
      this.#known.set(key, { id: found.id, kind: newKind, unit: newUnit }); // under the copy that is there
    }
    return found.id;
  }

  remove(id: number): void {
    this.#count -= Number(this.#statements.remove.run(id).changes);
    this.#clear(); // there is no way from an id to its key
  }

  /** After a transaction that was not committed: nothing that was seen in it counts. */
  forget(): void {
    this.#clear();
    this.#count = Number(this.#statements.count.get()?.["count"]);
  }

  #find(key: string): KnownSeries | undefined {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const found = this.#statements.find.get(...partsOf(key)) as unknown as KnownSeries | undefined;
    if (found !== undefined) this.#keep(key, found);
    return found;
  }

  #begin(key: string, kind: number, unit: string): number | undefined {
    if (this.#count >= this.#maxSeries) return undefined;
    const id = Number(this.#statements.begin.run(...partsOf(key), kind, unit).lastInsertRowid);
    this.#count += 1;
    this.#keep(key, { id, kind, unit });
    return id;
  }

  #keep(key: string, series: KnownSeries): void {
    if (this.#knownChars + key.length > MAX_KNOWN_CHARS) this.#clear();
    // A copy: the key may be a slice of the text of a whole batch, and would keep that.
    this.#known.set(Buffer.from(key).toString(), series);
    this.#knownChars += key.length;
  }

  #clear(): void {
    this.#known.clear();
    this.#knownChars = 0;
  }
}

/** Name and labels: a name has no brace, and labels begin with one. */
function partsOf(key: string): [name: string, labels: string] {
  const at = key.indexOf("{");
  return [key.slice(0, at), key.slice(at)];
}
