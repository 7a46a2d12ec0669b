/**
 * Runs `work` one at a time. The promise of a call settles with a run that began after the call; all calls
 * that come while one is under way share the next.
 */
export function coalesced(work: () => Promise<void>): () => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  const run = (): Promise<void> => {
    next = undefined;
    return work();
  };
  return () => (next ??= last = last.then(run, run));
}
