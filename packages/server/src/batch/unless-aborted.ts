/**
 * Waits for `promise`, but no longer than until `signal` aborts. What the promise settles with later is ignored.
 *
 * @throws the signal's reason once it aborts
 */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => settle(() => reject(signal.reason));
    const settle = (outcome: () => void): void => {
      signal.removeEventListener("abort", onAbort);
      outcome();
    };
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(
      (value) => settle(() => resolve(value)),
      (error: unknown) => settle(() => reject(error)),
    );
    if (signal.aborted) onAbort();
  });
}
