import { describe, expect, it } from "@jest/globals";

import { csvFields, csvLine, csvRecords } from "./csv-records.js";
import type { NumberedLine } from "./numbered-lines.js";

async function* linesOf(text: string): AsyncGenerator<NumberedLine> {
  for (const [index, line] of text.split("\n").entries()) yield { line: index + 1, text: line };
}

async function recordsOf(text: string): Promise<readonly unknown[]> {
  const records: unknown[] = [];
  for await (const { line, text: record } of csvRecords(linesOf(text))) records.push([line, ...csvFields(record)]);
  return records;
}

describe("the records of CSV", () => {
  it("have quoted fields with commas, quotes and line ends, and the number of their first line", async () => {
    expect(await recordsOf('a,b\n\n"1,2","say ""hi"""\n"x\n\ny",\n,,"",z\n')).toEqual([
      [1, "a", "b"],
      [3, "1,2", 'say "hi"'],
      [4, "x\n\ny", ""],
      [7, "", "", "", "z"],
    ]);
  });

  it("are refused if a quote is not closed, or a field goes on after it", async () => {
    await expect(recordsOf('a\n"b\nc')).rejects.toThrow("line 2: a quote is not closed");
    await expect(recordsOf('"a"b""')).rejects.toThrow("goes on after its quote");
  });

  it("do not grow without bound", async () => {
    const huge = `"${"x".repeat(1024 * 1024)}\n`.repeat(2).replaceAll('\n"', "\n") + "x\n".repeat(2 * 1024 * 1024);
    await expect(recordsOf(huge)).rejects.toThrow("line 1: the record is too long");
  });

  it("come back as they were written", async () => {
    const fields = ["", "a", "b,c", 'd"e', "f\ng", "h\r\ni\r", '""'];
    expect(await recordsOf(`${csvLine(fields)}\r\n`)).toEqual([[1, ...fields]]);
  });
});
