import { encodeMessage, ProcessOutcome, ProcessResult } from "@millrace/shared-types";

/** Results of one response … */
const MAX_RESULTS = 10_000;
/** … and what they take in it, in bytes. */
const MAX_BYTES: number = 2 * 1024 * 1024;

/** Of a result in a list: its tag and its length. */
const ENTRY_BYTES = 6;

interface Entry {
  readonly result: ProcessResult;
  readonly bytes: number;
}

/** The results of a batch that fit into one response; failures before others. Holds no more than that. */
export class InlineResults {
  readonly #failures: Entry[] = [];
  readonly #others: Entry[] = [];
  #bytes = 0;
  #isTruncated = false;

  /** In order of index. */
  get results(): ProcessResult[] {
    const kept = [...this.#failures, ...this.#others].map(({ result }) => result);
    return kept.sort((a, b) => a.index - b.index);
  }

  /** Some did not fit. */
  get isTruncated(): boolean {
    return this.#isTruncated;
  }

  add(result: ProcessResult): void {
    const entry = { result, bytes: encodeMessage(ProcessResult, result).length + ENTRY_BYTES };
    const isFailure = result.outcome === ProcessOutcome.FAILED;
    while (isFailure && !this.#fits(entry) && this.#others.length > 0) this.#bytes -= this.#dropOther();
    if (!this.#fits(entry)) {
      this.#isTruncated = true;
      return;
    }
    (isFailure ? this.#failures : this.#others).push(entry);
    this.#bytes += entry.bytes;
  }

  #fits({ bytes }: Entry): boolean {
    return this.#bytes + bytes <= MAX_BYTES && this.#failures.length + this.#others.length < MAX_RESULTS;
  }

  #dropOther(): number {
    this.#isTruncated = true;
    return this.#others.pop()?.bytes ?? 0;
  }
}
