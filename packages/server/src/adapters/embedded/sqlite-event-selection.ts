/** Where a read of a SqliteEventLog looks for events. Imports only node: modules and what does so too. */
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";

import type { ReadOptions } from "../../ports/event-log.js";
import { isSystemStream, namePatterns } from "../../ports/event-log-patterns.js";

import { blockOf, boundsOf } from "./sqlite-event-blocks.js";

/** Types, or streams, that are looked for block by block; a read of more looks at every event. */
const MAX_LISTED = 64;

/** Sequences that are looked at at a time where there are no blocks to choose. */
const WINDOW = 4096;

/** A run of sequences, both ends included; there are none if `low` is above `high`. */
export interface Window {
  readonly low: number;
  readonly high: number;
}

/** A part of a WHERE clause. */
export interface Condition {
  readonly sql: string;
  readonly values: readonly SQLInputValue[];
}

/** The events that a read asks for: a condition on the row `e` of events, and where in the log there can be such. */
export interface Selection extends Condition {
  /** It is all that does not belong to the server. */
  readonly isAll: boolean;
  /** The parts of `range` to look at, in the order of reading. */
  windows(range: Window, backwards: boolean): Iterable<Window>;
}

/** Translates the types and streams of a read. */
export function selectionOf(database: DatabaseSync, { types = [], streams = [] }: ReadOptions): Selection {
  const ofStream = wantedNames(database, "stream", streams);
  const ofType = wantedNames(database, "type", types);
  const typesAreNoted = !streams.some(isSystemStream);
  const seeks = [ofStream, typesAreNoted ? ofType : undefined].flatMap((names) => names?.seek ?? []);
  const conditions = [ofStream ?? { sql: "e.stream_id > 0", values: [] }, ...(ofType ? [ofType] : [])];
  return {
    isAll: ofStream === undefined && ofType === undefined,
    sql: conditions.map(({ sql }) => sql).join(" AND "),
    values: conditions.flatMap(({ values }) => values),
    windows: (range, backwards) =>
      seeks.length === 0 ? allWindows(range, backwards) : blockWindows(seeks, range, backwards),
  };
}

/** The next block, from this one on in the direction of reading, in which an event can be. */
type BlockSeek = (block: number, backwards: boolean) => number | undefined;

/** The names that a read asks for. */
interface WantedNames extends Condition {
  /** Left out if there are too many names. */
  readonly seek?: BlockSeek;
}

/** What patterns mean; `undefined` if there are none. */
function wantedNames(
  database: DatabaseSync,
  kind: "stream" | "type",
  patterns: readonly string[],
): WantedNames | undefined {
  if (patterns.length === 0) return undefined;
  const { names, prefixes } = namePatterns(patterns);
  const clauses = [`name IN (${names.map(() => "?").join()})`, ...prefixes.map((prefix) => prefixClause(kind, prefix))];
  const matching = `SELECT ${kind}_id AS id FROM ${kind}s WHERE ${clauses.join(" OR ")}`;
  const values = [...names, ...prefixes.flatMap((prefix) => [prefix, prefix])];
  const ids = database
    .prepare(`${matching} LIMIT ${MAX_LISTED + 1}`)
    .all(...values)
    .map(({ id }) => Number(id));
  if (ids.length > MAX_LISTED) return { sql: `e.${kind}_id IN (${matching})`, values };
  return { sql: `e.${kind}_id IN (${ids.join()})`, values: [], seek: blockSeek(database, kind, ids) };
}

/** No name contains the byte FF: it is not UTF-8. `*` is no name of a stream of the server. */
function prefixClause(kind: "stream" | "type", prefix: string): string {
  const begins = "name >= ? AND name < ? || CAST(X'FF' AS TEXT)";
  return kind === "stream" && prefix === "" ? `(${begins} AND stream_id > 0)` : `(${begins})`;
}

function blockSeek(database: DatabaseSync, kind: "stream" | "type", ids: readonly number[]): BlockSeek {
  const prepare = (nearest: string, onThisSide: string, order: string): StatementSync =>
    database.prepare(
      `SELECT ${nearest}(block) AS block FROM (SELECT
         (SELECT block FROM ${kind}_blocks WHERE ${kind}_id = ids.value AND block ${onThisSide} ?2 ORDER BY block ${order} LIMIT 1) AS block
       FROM json_each(?1) AS ids)`,
    );
  const [up, down] = [prepare("min", ">=", "ASC"), prepare("max", "<=", "DESC")];
  const list = JSON.stringify(ids);
  return (block, backwards) => {
    const found = (backwards ? down : up).get(list, block)?.["block"];
    return typeof found === "number" ? found : undefined;
  };
}

/** All of a range, in pieces. */
function* allWindows({ low, high }: Window, backwards: boolean): Generator<Window> {
  for (let done = 0; done <= high - low; done += WINDOW) {
    if (backwards) yield { low: Math.max(low, high - done - WINDOW + 1), high: high - done };
    else yield { low: low + done, high: Math.min(high, low + done + WINDOW - 1) };
  }
}

/** The blocks on which all seeks agree. Where they do not, an empty window says how far the search has come. */
function* blockWindows(seeks: readonly BlockSeek[], range: Window, backwards: boolean): Generator<Window> {
  const step = backwards ? -1 : 1;
  for (let block = blockOf(backwards ? range.high : range.low); ;) {
    const found = seeks.map((seek) => seek(block, backwards));
    if (found.includes(undefined)) return;
    const candidates = found.filter((at) => at !== undefined);
    const farthest = backwards ? Math.min(...candidates) : Math.max(...candidates);
    const { low, high } = boundsOf(farthest);
    if (backwards ? high < range.low : low > range.high) return;
    if (candidates.every((at) => at === farthest)) {
      yield { low: Math.max(low, range.low), high: Math.min(high, range.high) };
      block = farthest + step;
    } else {
      yield backwards ? { low: high + 1, high } : { low, high: low - 1 };
      block = farthest;
    }
  }
}
