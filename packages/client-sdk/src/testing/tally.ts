/** A count that can be waited for. */
export interface Tally {
  readonly count: number;
  add(amount?: number): void;
  /** Resolves once the count is at least `count`. */
  reached(count: number): Promise<void>;
}

/** A count that starts at 0: how tests wait until something happened so many times. */
export function tally(): Tally {
  let count = 0;
  let waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  return {
    get count() {
      return count;
    },
    add(amount = 1) {
      count += amount;
      const satisfied = waiting.filter((waiter) => waiter.count <= count);
      waiting = waiting.filter((waiter) => waiter.count > count);
      for (const waiter of satisfied) waiter.resolve();
    },
    reached(wanted) {
      if (wanted <= count) return Promise.resolve();
      return new Promise((resolve) => waiting.push({ count: wanted, resolve }));
    },
  };
}
