import { PullIterator } from "../rpc/pull-iterator.js";
import type { SyncChangeEvent, SyncDocument } from "./types.js";

/** Documents that wait for a slow reader: beyond that it has to read the collection again. */
const MAX_WAITING = 10_000;

/** Tells one reader which documents of a collection are not what they were. Each waits once, however often it changes. */
export class ChangeFeed implements AsyncIterable<SyncChangeEvent> {
  readonly #collection: string;
  readonly #read: (id: string) => SyncDocument | undefined;
  readonly #onClose: () => void;
  readonly #waiting = new Set<string>();
  readonly #iterator: PullIterator<SyncChangeEvent>;
  #mustReload = false;
  #isClosed = false;
  #wake: () => void = () => {};

  /**
   * @param read a document as it is
   * @param onClose called once, when the reader has left or the feed was closed
   */
  constructor(collection: string, read: (id: string) => SyncDocument | undefined, onClose: () => void) {
    this.#collection = collection;
    this.#read = read;
    this.#onClose = onClose;
    this.#iterator = new PullIterator(
      () => this.#pull(),
      () => this.close(),
    );
  }

  [Symbol.asyncIterator](): AsyncIterator<SyncChangeEvent, undefined, undefined> {
    return this.#iterator;
  }

  changed(id: string): void {
    if (this.#mustReload) return;
    if (this.#waiting.size >= MAX_WAITING) return this.reload();
    this.#waiting.add(id);
    this.#wake();
  }

  reload(): void {
    this.#waiting.clear();
    this.#mustReload = true;
    this.#wake();
  }

  /** What waits is dropped. */
  readonly close = (): void => {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#onClose();
    this.#wake();
  };

  async #pull(): Promise<SyncChangeEvent | undefined> {
    for (;;) {
      if (this.#isClosed) return undefined;
      const event = this.#next();
      if (event !== undefined) return event;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #next(): SyncChangeEvent | undefined {
    const collection = this.#collection;
    if (this.#mustReload) {
      this.#mustReload = false;
      return { type: "reload", collection };
    }
    for (const id of this.#waiting) {
      this.#waiting.delete(id);
      return { type: "changed", collection, id, document: this.#read(id) };
    }
    return undefined;
  }
}
