import type { Readable } from "node:stream";

import { linesOf } from "./lines-of.js";

/** A line of a file. */
export interface NumberedLine {
  /** 1 for the first. */
  readonly line: number;
  readonly text: string;
}

/** The lines of a stream with their numbers, without a byte order mark. See {@link linesOf}. */
export async function* numberedLines(
  input: Readable,
  signal: AbortSignal,
): AsyncGenerator<NumberedLine, void, undefined> {
  let line = 0;
  for await (const text of linesOf(input, signal)) {
    line++;
    yield { line, text: line === 1 && text.startsWith("\uFEFF") ? text.slice(1) : text };
  }
}
