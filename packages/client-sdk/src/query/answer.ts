import type { QueryResponse } from "@millrace/shared-types";

/** What the server says to one query. */
export interface Answer {
  /**
   * The next message; `undefined` when the connection has ended well, which is no end of an answer. One call at a time.
   *
   * @throws {StreamingError} why there is no more
   */
  receive(): Promise<QueryResponse | undefined>;
  /** Stops the query; a pending `receive` gives `undefined`. */
  cancel(): void;
}
