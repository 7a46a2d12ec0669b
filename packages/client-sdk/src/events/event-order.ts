import type { Event } from "@millrace/shared-types";

import { DataLossError, InternalError } from "../errors.js";

/** Makes sure that a reader sees each event once, in order, and none of a whole stream missing. */
export class EventOrder {
  /** 1: from older to newer; -1: from newer to older. */
  readonly #direction: 1 | -1;
  /** Every event of one stream is to come: its revisions have no holes. */
  readonly #isWhole: boolean;
  #last: Pick<Event, "sequence" | "streamRevision"> | undefined;
  /** Nothing new has come since the stream was opened again: what comes may be known already. */
  #mayRepeat = false;

  constructor(direction: 1 | -1, isWhole: boolean) {
    this.#direction = direction;
    this.#isWhole = isWhole;
  }

  /** The stream was opened again. */
  reopened(): void {
    this.#mayRepeat = true;
  }

  /**
   * Whether the next event is new; if not, it repeats what came before the stream was opened again.
   *
   * @throws {InternalError} if it is out of order
   * @throws {DataLossError} if the event before it in its stream is missing
   */
  admits({ sequence, streamRevision }: Event): boolean {
    const last = this.#last;
    if (last !== undefined && (sequence - last.sequence) * this.#direction <= 0) {
      if (this.#mayRepeat) return false;
      throw outOfOrder(sequence, last.sequence);
    }
    const expected = last && last.streamRevision + this.#direction;
    if (this.#isWhole && expected !== undefined && streamRevision !== expected) throw gap(expected, streamRevision);
    this.#last = { sequence, streamRevision };
    this.#mayRepeat = false;
    return true;
  }
}

function outOfOrder(sequence: number, last: number): InternalError {
  const message = `the server sent event ${String(sequence)} after event ${String(last)}`;
  return new InternalError(message, { origin: "server" });
}

function gap(expected: number, actual: number): DataLossError {
  const metadata = { expected: String(expected), actual: String(actual) };
  const message = `the stream goes on with revision ${String(actual)}, not ${String(expected)}: events are missing`;
  return new DataLossError(message, { origin: "server", details: { metadata, unknown: [] } });
}
