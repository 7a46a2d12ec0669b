import type { Readable } from "node:stream";

import { csvFields, csvRecords } from "./csv-records.js";
import { type ImportItem, itemOfCsv, itemOfJson } from "./import-item.js";
import { type NumberedLine, numberedLines, numberedWholeLines } from "./numbered-lines.js";

export type FileFormat = "ndjson" | "csv";

/** What is wrong with a line. */
export type BadLine = (line: number, message: string) => void;

/**
 * The items of a file, one by one; holds a line. Lines that are none are told to `onBad` and left out.
 *
 * @throws {Error} if the file as a whole is none: a line too long, a CSV without the column `key`
 */
export function itemsOfFile(
  input: Readable,
  format: FileFormat,
  signal: AbortSignal,
  onBad: BadLine,
): AsyncGenerator<ImportItem, void, undefined> {
  return format === "csv"
    ? itemsOfCsv(numberedWholeLines(input, signal), onBad)
    : itemsOfNdjson(numberedLines(input, signal), onBad);
}

async function* itemsOfNdjson(
  lines: AsyncIterable<NumberedLine>,
  onBad: BadLine,
): AsyncGenerator<ImportItem, void, undefined> {
  for await (const line of lines) {
    if (line.text.trim() === "") continue;
    const item = unlessBad(line.line, onBad, () => itemOfJson(line));
    if (item !== undefined) yield item;
  }
}

async function* itemsOfCsv(
  lines: AsyncIterable<NumberedLine>,
  onBad: BadLine,
): AsyncGenerator<ImportItem, void, undefined> {
  let columns: readonly string[] | undefined;
  for await (const { line, text } of csvRecords(lines)) {
    if (columns === undefined) {
      columns = columnsOf(csvFields(text));
      continue;
    }
    const names = columns;
    const item = unlessBad(line, onBad, () => itemOfCsv(line, names, csvFields(text)));
    if (item !== undefined) yield item;
  }
}

function columnsOf(fields: readonly string[]): readonly string[] {
  if (!fields.includes("key")) throw new Error('the first line names no column "key"');
  if (new Set(fields).size < fields.length) throw new Error("the first line names a column twice");
  return fields;
}

function unlessBad<T>(line: number, onBad: BadLine, make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    onBad(line, error instanceof Error ? error.message : String(error));
    return undefined;
  }
}
