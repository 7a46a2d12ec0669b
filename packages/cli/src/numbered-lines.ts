import type { Readable } from "node:stream";

import { linesOf, wholeLinesOf } from "./lines-of.js";

/** A line of a file. */
export interface NumberedLine {
  /** 1 for the first. */
  readonly line: number;
  readonly text: string;
}

/** The lines of a stream with their numbers, without a byte order mark. See {@link linesOf}. */
export function numberedLines(input: Readable, signal: AbortSignal): AsyncGenerator<NumberedLine, void, undefined> {
  return numbered(linesOf(input, signal));
}

/** As {@link numberedLines}, with carriage returns. See {@link wholeLinesOf}. */
export function numberedWholeLines(
  input: Readable,
  signal: AbortSignal,
): AsyncGenerator<NumberedLine, void, undefined> {
  return numbered(wholeLinesOf(input, signal));
}

async function* numbered(lines: AsyncIterable<string>): AsyncGenerator<NumberedLine, void, undefined> {
  let line = 0;
  for await (const text of lines) {
    line++;
    yield { line, text: line === 1 && text.startsWith("\uFEFF") ? text.slice(1) : text };
  }
}
