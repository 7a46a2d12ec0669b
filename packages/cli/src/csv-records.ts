import { withoutReturn } from "./lines-of.js";
import type { NumberedLine } from "./numbered-lines.js";

/** The longest record, in characters. */
const MAX_RECORD_CHARS = 4 * 1024 * 1024;

/**
 * The records of CSV (RFC 4180) with the numbers of the lines where they begin: those whose quoted fields hold line ends
 * span several lines. Empty lines between them are left out.
 *
 * @param lines with their carriage returns
 *
 * @throws {Error} if a quote is never closed, or a record is longer than 4 Mi characters
 */
export async function* csvRecords(lines: AsyncIterable<NumberedLine>): AsyncGenerator<NumberedLine, void, undefined> {
  let begun: string[] = [];
  let [chars, first, isOpen] = [0, 0, false];
  for await (const { line, text } of lines) {
    if (!isOpen && withoutReturn(text) === "") continue;
    if (!isOpen) [begun, chars, first] = [[], 0, line];
    begun.push(text);
    chars += text.length + 1;
    if (chars > MAX_RECORD_CHARS) throw new Error(`line ${String(first)}: the record is too long`);
    isOpen = isOpen !== hasOddQuotes(text);
    if (!isOpen) yield { line: first, text: withoutReturn(begun.join("\n")) };
  }
  if (isOpen) throw new Error(`line ${String(first)}: a quote is not closed`);
}

function hasOddQuotes(text: string): boolean {
  let quotes = 0;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) quotes++;
  return quotes % 2 === 1;
}

/**
 * The fields of a record.
 *
 * @throws {Error} if a field goes on after its closing quote
 */
export function csvFields(record: string): readonly string[] {
  const fields: string[] = [];
  for (let start = 0; start <= record.length;) {
    const isQuoted = record[start] === '"';
    const end = isQuoted ? afterQuoted(record, start) : endOfField(record, start);
    fields.push(isQuoted ? record.slice(start + 1, end - 1).replaceAll('""', '"') : record.slice(start, end));
    start = end + 1;
  }
  return fields;
}

function endOfField(record: string, start: number): number {
  const comma = record.indexOf(",", start);
  return comma < 0 ? record.length : comma;
}

/** Behind the closing quote of the field whose quote opens at `start`. */
function afterQuoted(record: string, start: number): number {
  let quote = record.indexOf('"', start + 1);
  while (record[quote + 1] === '"') quote = record.indexOf('"', quote + 2);
  const next = record[quote + 1];
  if (quote < 0 || (next !== undefined && next !== ",")) throw new Error("a quoted field goes on after its quote");
  return quote + 1;
}

/** One record, with its line end. */
export function csvLine(fields: readonly string[]): string {
  return `${fields.map(quoted).join(",")}\r\n`;
}

function quoted(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}
