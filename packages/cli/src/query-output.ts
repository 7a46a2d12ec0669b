import type { QueryCell, QueryColumn, QueryResult, QueryRow } from "@millrace/client-sdk";

import { csvLine } from "./csv-records.js";
import { escapeControls } from "./escape-controls.js";

export type QueryFormat = "table" | "json" | "csv";

/** Rows that are looked at for the width of the columns of a table; later ones may be wider. */
const LOOKED_AT_ROWS = 200;

/** Widest column of a table, in characters: what is longer is cut. */
const MAX_WIDTH = 60;

/** A result as lines. */
export async function* queryText(result: QueryResult, format: QueryFormat): AsyncGenerator<string, void, undefined> {
  if (format === "table") return yield* tableLines(result);
  if (format === "csv") {
    // The columns of a failed query are no news: the loop tells.
    const columns = await result.columns.catch(() => []);
    if (columns.length > 0) yield csvLine(columns.map(({ name }) => name));
  }
  for await (const row of result)
    yield format === "json" ? `${jsonOf(row)}\n` : csvLine(Object.values(row).map(textOf));
}

/** A row as a JSON object. Integers beyond 2^53 keep their digits; bytes are base64. */
function jsonOf(row: QueryRow): string {
  const members = Object.entries(row).map(([name, cell]) => `${JSON.stringify(name)}:${jsonCell(cell)}`);
  return `{${members.join(",")}}`;
}

function jsonCell(cell: QueryCell): string {
  if (typeof cell === "bigint") return String(cell);
  if (cell instanceof Uint8Array) return `"${Buffer.from(cell).toString("base64")}"`;
  return JSON.stringify(cell);
}

async function* tableLines(result: QueryResult): AsyncGenerator<string, void, undefined> {
  const columns = await result.columns.catch(() => []);
  let first: string[][] | undefined = [];
  let widths: readonly number[] = [];
  let count = 0;
  const begin = function* (rows: readonly string[][]): Generator<string> {
    const names = columns.map(({ name }) => escapeControls(name));
    widths = names.map((name, index) => Math.max(name.length, ...rows.map((row) => row[index]?.length ?? 0)));
    yield lineOf(names, widths, []);
    yield `${widths.map((width) => "-".repeat(width)).join("  ")}\n`;
    for (const row of rows) yield lineOf(row, widths, columns);
  };
  for await (const row of result) {
    count++;
    const cells = Object.values(row).map(shortText);
    first?.push(cells);
    if (first === undefined) yield lineOf(cells, widths, columns);
    else if (first.length === LOOKED_AT_ROWS) {
      yield* begin(first);
      first = undefined;
    }
  }
  if (first !== undefined) yield* begin(first);
  yield `(${String(count)} ${count === 1 ? "row" : "rows"})\n`;
}

function lineOf(cells: readonly string[], widths: readonly number[], columns: readonly QueryColumn[]): string {
  const padded = cells.map((cell, index) => {
    const width = widths[index] ?? 0;
    return isNumber(columns[index]) ? cell.padStart(width) : cell.padEnd(width);
  });
  return `${padded.join("  ").trimEnd()}\n`;
}

function isNumber(column: QueryColumn | undefined): boolean {
  return column?.type === "int" || column?.type === "double";
}

function shortText(cell: QueryCell): string {
  const text = escapeControls(textOf(cell));
  return text.length > MAX_WIDTH ? `${text.slice(0, MAX_WIDTH - 1)}…` : text;
}

/** A value for people; nothing for null. */
function textOf(cell: QueryCell): string {
  if (cell === null) return "";
  if (cell instanceof Date) return cell.toISOString();
  if (cell instanceof Uint8Array) return `x'${Buffer.from(cell).toString("hex")}'`;
  return typeof cell === "object" ? JSON.stringify(cell) : String(cell);
}
