/** Counts the changes that are on their way to a replica. */
export class InFlight {
  readonly #max: number;
  /** What was sent and not confirmed, oldest first: at most `max` entries. */
  readonly #sent: { readonly collection: string; readonly version: number; readonly changes: number }[] = [];
  #changes = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** How many more may be sent. */
  get room(): number {
    return Math.max(0, this.#max - this.#changes);
  }

  sent(collection: string, version: number, changes: number): void {
    if (changes === 0) return;
    this.#sent.push({ collection, version, changes });
    this.#changes += changes;
  }

  /** The replica has stored everything of a collection up to `version`. */
  stored(collection: string, version: number): void {
    for (let index = this.#sent.length - 1; index >= 0; index -= 1) {
      const entry = this.#sent[index];
      if (entry === undefined || entry.collection !== collection || entry.version > version) continue;
      this.#sent.splice(index, 1);
      this.#changes -= entry.changes;
    }
  }

  /** The replica takes so many more: the oldest count as confirmed. */
  allow(changes: number): void {
    for (let left = changes; left > 0 && this.#sent.length > 0;) {
      const entry = this.#sent[0];
      if (entry === undefined) return;
      const taken = Math.min(left, entry.changes);
      if (taken === entry.changes) this.#sent.shift();
      else this.#sent[0] = { ...entry, changes: entry.changes - taken };
      this.#changes -= taken;
      left -= taken;
    }
  }
}
