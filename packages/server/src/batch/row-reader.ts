import type { ItemStore, Row } from "../ports/item-store.js";

/** Rows that are asked for at a time. */
const MAX_KEYS = 64;

interface Question {
  readonly key: string;
  readonly resolve: (row: Row | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** Reads rows one by one; those that are asked for in one turn of the event loop are one question to the store. */
export class RowReader {
  readonly #items: Pick<ItemStore, "getAll">;
  /** By collection. */
  readonly #questions = new Map<string, Question[]>();

  constructor(items: Pick<ItemStore, "getAll">) {
    this.#items = items;
  }

  get(collection: string, key: string): Promise<Row | undefined> {
    return new Promise((resolve, reject) => {
      const question = { key, resolve, reject };
      const others = this.#questions.get(collection);
      others?.push(question);
      if (others !== undefined) return;
      this.#questions.set(collection, [question]);
      setImmediate(() => this.#ask(collection));
    });
  }

  #ask(collection: string): void {
    const questions = this.#questions.get(collection) ?? [];
    this.#questions.delete(collection);
    while (questions.length > 0) void this.#answer(collection, questions.splice(0, MAX_KEYS));
  }

  /** Never rejects. */
  async #answer(collection: string, questions: readonly Question[]): Promise<void> {
    try {
      const keys = questions.map(({ key }) => key);
      const rows = await this.#items.getAll(collection, keys);
      for (const [index, { resolve }] of questions.entries()) resolve(rows[index]);
    } catch (error) {
      for (const { reject } of questions) reject(error);
    }
  }
}
