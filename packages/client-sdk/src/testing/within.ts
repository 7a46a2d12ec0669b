/**
 * How long a test waits for an event before it says that the event did not happen, in milliseconds,
 * unless it says otherwise. May be raised for a slow machine.
 */
export const watchdog: { timeoutMs: number } = { timeoutMs: 10_000 };

/**
 * The result of `promise`, which a test expects to settle by itself. Time can only make it fail:
 * after `timeoutMs` it rejects with an error that names `event`.
 */
export async function within<T>(
  promise: PromiseLike<T>,
  event: string,
  timeoutMs: number = watchdog.timeoutMs,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const missed = new Error(`${event}: did not happen within ${String(timeoutMs)} ms`);
    timer = setTimeout(() => reject(missed), timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
