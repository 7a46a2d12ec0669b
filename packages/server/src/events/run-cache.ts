/** Something that can be made again. */
export interface Kept {
  readonly bytes: number;
  /** It is no longer kept. */
  onDropped(): void;
}

/** Keeps what was made for several readers as long as its bound in bytes allows: the oldest goes first. */
export class RunCache {
  readonly #maxBytes: number;
  readonly #kept = new Set<Kept>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  keep(kept: Kept): void {
    this.#kept.add(kept);
    this.#bytes += kept.bytes;
    for (const oldest of this.#kept) {
      if (this.#bytes <= this.#maxBytes) return;
      this.drop(oldest);
    }
  }

  drop(kept: Kept): void {
    if (!this.#kept.delete(kept)) return;
    this.#bytes -= kept.bytes;
    kept.onDropped();
  }
}
