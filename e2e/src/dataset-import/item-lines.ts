import { createReadStream, createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** Lines of a file that are made at a time. */
const CHUNK_LINES = 1000;

const READ_BYTES = 256 * 1024;

/** Texts are pieces of it: some characters take two bytes, some are escaped. */
const TEXT = Array.from({ length: 40 }, (_, n) => `${String(n * 7919)} größer, "so" much for item ${String(n)}; `).join(
  "",
);

/** Item `n` as a line of NDJSON, in the order of keys: 240 bytes, more or less. */
function itemLine(n: number): string {
  const start = (n * 31) % 600;
  const text = TEXT.slice(start, start + 80 + ((n * 97) % 180));
  return `{"key":"item-${String(n).padStart(9, "0")}","data":${JSON.stringify({ n, text })}}`;
}

/** Writes a file with so many items, one a line. */
export async function writeItemLines(path: string, items: number): Promise<void> {
  const chunks = function* (): Generator<string> {
    for (let start = 0; start < items; start += CHUNK_LINES) {
      const count = Math.min(CHUNK_LINES, items - start);
      yield Array.from({ length: count }, (_, n) => `${itemLine(start + n)}\n`).join("");
    }
  };
  await pipeline(Readable.from(chunks()), createWriteStream(path));
}

/** The lines of a file or an output, as many at a time as have come. */
export async function* linesOf(input: Readable): AsyncGenerator<readonly string[], void, undefined> {
  let begun = "";
  for await (const chunk of input.setEncoding("utf8")) {
    const lines = (begun + String(chunk)).split("\n");
    begun = lines.pop() ?? "";
    yield lines;
  }
  if (begun !== "") yield [begun];
}

export interface LineComparison {
  readonly lines: number;
  /** The first one that is not what it must be, from 1 on; 0: there is none. */
  readonly firstDifference: number;
}

/**
 * Compares what a listing prints, which has an id in each line, with the lines of the file that was imported. Holds a
 * piece of each.
 *
 * @param onLines called with the number of lines so far
 */
export async function compareWithFile(
  path: string,
  listed: Readable,
  onLines: (lines: number) => void,
): Promise<LineComparison> {
  const file = createReadStream(path, { highWaterMark: READ_BYTES });
  const expected = new LineQueue(linesOf(file));
  let [lines, firstDifference] = [0, 0];
  for await (const some of linesOf(listed)) {
    for (const line of some) {
      lines++;
      if (firstDifference === 0 && withoutId(line) !== (await expected.next())) firstDifference = lines;
    }
    onLines(lines);
  }
  if (firstDifference === 0 && (await expected.next()) !== undefined) firstDifference = lines + 1;
  file.destroy();
  return { lines, firstDifference };
}

function withoutId(line: string): string {
  return line.replace(/^\{"id":"\d+",/, "{");
}

/** Gives lines one by one; those that are there without a promise, which would cost more than the line. */
class LineQueue {
  readonly #source: AsyncIterator<readonly string[], void, undefined>;
  #lines: readonly string[] = [];
  #next = 0;

  constructor(source: AsyncIterator<readonly string[], void, undefined>) {
    this.#source = source;
  }

  next(): string | undefined | Promise<string | undefined> {
    return this.#next < this.#lines.length ? this.#lines[this.#next++] : this.#more();
  }

  async #more(): Promise<string | undefined> {
    const { done, value } = await this.#source.next();
    if (done === true) return undefined;
    [this.#lines, this.#next] = [value, 0];
    return this.next();
  }
}
