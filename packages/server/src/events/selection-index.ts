import type { LogEvent } from "../ports/event-log.js";
import { isSystemStream } from "../ports/event-log-patterns.js";

import { NameIndex } from "./name-index.js";
import type { SelectionGroup } from "./selection-group.js";

/**
 * Finds the groups that select an event without asking each. A group is listed under its streams or under
 * its types: wherever it shares its names with fewer others.
 */
export class SelectionIndex {
  readonly #byStream = new NameIndex<SelectionGroup>();
  readonly #byType = new NameIndex<SelectionGroup>();
  /** Those that name neither. */
  readonly #unnamed = new Set<SelectionGroup>();
  readonly #listedByStream = new Set<SelectionGroup>();

  add(group: SelectionGroup): void {
    const { types, streams } = group.selection;
    const byStream = this.#isBetterByStream(types, streams);
    if (types.length + streams.length === 0) this.#unnamed.add(group);
    else if (byStream) this.#byStream.add(streams, group);
    else this.#byType.add(types, group);
    if (byStream) this.#listedByStream.add(group);
  }

  delete(group: SelectionGroup): void {
    const { types, streams } = group.selection;
    this.#unnamed.delete(group);
    if (this.#listedByStream.delete(group)) this.#byStream.delete(streams, group);
    else this.#byType.delete(types, group);
  }

  /** The groups that select the type and the stream of `event`. */
  covering(event: LogEvent): ReadonlySet<SelectionGroup> {
    const found = new Set<SelectionGroup>();
    const consider = (group: SelectionGroup): void => void (group.covers(event) && found.add(group));
    this.#byStream.forEach(event.stream, consider);
    this.#byType.forEach(event.type, consider);
    if (!isSystemStream(event.stream)) this.#unnamed.forEach(consider);
    return found;
  }

  #isBetterByStream(types: readonly string[], streams: readonly string[]): boolean {
    if (types.length === 0 || streams.length === 0) return streams.length > 0;
    return this.#byStream.shared(streams) <= this.#byType.shared(types);
  }
}
