import type { LogEvent } from "../../ports/event-log.js";

/** What a MemoryEventLog knows of one stream. Revisions are without holes: what goes, goes from the front. */
export class MemoryStream {
  readonly name: string;
  readonly #byId = new Map<string, LogEvent>();
  /** Events of each key, in order. */
  readonly #byKey = new Map<string, LogEvent[]>();
  #firstRevision = 1;
  #lastRevision = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** One more than the last if nothing is left. */
  get firstRevision(): number {
    return this.#firstRevision;
  }

  get lastRevision(): number {
    return this.#lastRevision;
  }

  event(id: string): LogEvent | undefined {
    return this.#byId.get(id);
  }

  add(event: LogEvent): void {
    this.#lastRevision = event.revision;
    this.#byId.set(event.id, event);
    if (event.key === "") return;
    const sameKey = this.#byKey.get(event.key);
    if (sameKey === undefined) this.#byKey.set(event.key, [event]);
    else sameKey.push(event);
  }

  /** Forgets `event`, the oldest one. */
  removeOldest(event: LogEvent): void {
    this.#firstRevision = event.revision + 1;
    this.#byId.delete(event.id);
    const sameKey = this.#byKey.get(event.key);
    sameKey?.shift();
    if (sameKey?.length === 0) this.#byKey.delete(event.key);
  }

  /** The newest event of a key, not after the sequence `until`. */
  newestOfKey(key: string, until: number): LogEvent | undefined {
    const sameKey = this.#byKey.get(key) ?? [];
    return sameKey[firstIndex(sameKey, ({ sequence }) => sequence > until) - 1];
  }
}

/** Index of the first item of which `reached` is true, as it is of all later ones. */
export function firstIndex<T>(items: readonly T[], reached: (item: T) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const item = items[middle];
    if (item !== undefined && reached(item)) high = middle;
    else low = middle + 1;
  }
  return low;
}
