/** Of the items of a page, as they are sent; one item may be larger. A message may have 4 MiB. */
export const MAX_PAGE_BYTES: number = 1024 * 1024;

/** Items that are loaded at a time: with their records, a few MiB at most. */
const GROUP = 50;

/** One page of a listing. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Key after which the next page begins; `undefined` if there is none. */
  readonly nextAfter: string | undefined;
}

export interface PageLoader<E, T> {
  /** Most items of the page. */
  readonly limit: number;
  /** The item of an entry; `undefined` if it is gone by now. */
  readonly load: (entry: E) => Promise<T | undefined>;
  readonly bytesOf: (item: T) => number;
}

/**
 * A page of what an index lists, no larger than a message can be. `found` are the next entries of the
 * index, one more than `limit` if there is another page.
 */
export async function loadPage<E extends { readonly key: string }, T>(
  found: readonly E[],
  { limit, load, bytesOf }: PageLoader<E, T>,
): Promise<Page<T>> {
  const entries = found.slice(0, limit);
  const items: T[] = [];
  let bytes = 0;
  let lastKey: string | undefined;
  for (let at = 0; at < entries.length; at += GROUP) {
    const group = entries.slice(at, at + GROUP);
    const loaded = await Promise.all(group.map(load));
    for (const [index, item] of loaded.entries()) {
      bytes += item === undefined ? 0 : bytesOf(item);
      if (bytes > MAX_PAGE_BYTES && items.length > 0) return { items, nextAfter: lastKey };
      if (item !== undefined) items.push(item);
      lastKey = group[index]?.key;
    }
  }
  return { items, nextAfter: found.length > limit ? lastKey : undefined };
}
