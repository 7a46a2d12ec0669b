import type { Readable } from "node:stream";

/** The longest line, in bytes. */
const MAX_LINE_BYTES = 4 * 1024 * 1024;

const NEWLINE = 0x0a;

/**
 * The lines of a stream, without their ends; the last one need not have one. Read as they are asked for. Ends when
 * `signal` aborts, and destroys the stream then.
 *
 * @throws {Error} if a line is longer than 4 MiB
 */
export async function* linesOf(input: Readable, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
  for await (const line of wholeLinesOf(input, signal)) yield withoutReturn(line);
}

/** As {@link linesOf}, but a carriage return before the end is part of the line: it may be within a field of CSV. */
export async function* wholeLinesOf(input: Readable, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
  const stop = (): void => void input.destroy();
  signal.addEventListener("abort", stop, { once: true });
  try {
    if (signal.aborted) stop();
    yield* splitLines(input);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

async function* splitLines(input: AsyncIterable<Buffer | string>): AsyncGenerator<string, void, undefined> {
  let begun: Buffer[] = [];
  let begunBytes = 0;
  for await (const chunk of input) {
    let rest = Buffer.from(chunk);
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
      yield textOf([...begun, rest.subarray(0, end)]);
      rest = rest.subarray(end + 1);
      [begun, begunBytes] = [[], 0];
    }
    begun.push(rest);
    begunBytes += rest.byteLength;
    if (begunBytes > MAX_LINE_BYTES) throw new Error(`a line is longer than ${String(MAX_LINE_BYTES)} bytes`);
  }
  if (begunBytes > 0) yield textOf(begun);
}

function textOf(parts: readonly Buffer[]): string {
  return Buffer.concat(parts).toString();
}

/** A line without the carriage return of its end. */
export function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}
