import { type Steps, StepStream } from "./steps.js";

/** Takes one item; gives a promise if the next has to wait. */
export type Sink<T> = (item: T) => Promise<void> | undefined;

/**
 * Sends every item of `source` to `sink` in order, asking for the next only when the sink has room.
 * Settles only after `source` is closed: its `finally` blocks have run. When `signal` aborts it closes
 * the source at once, interrupting it if it can be interrupted.
 *
 * @throws the signal's reason once it aborts, even if the source then ends normally
 */
export async function pump<T>(source: AsyncIterable<T>, sink: Sink<T>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await (isStepStream(source) ? pumpSteps(source, sink, signal) : pumpItems(source, sink, signal));
  signal.throwIfAborted();
}

function isStepStream<T>(source: AsyncIterable<T>): source is StepStream<T> {
  return source instanceof StepStream;
}

async function pumpSteps<T>(source: StepStream<T>, sink: Sink<T>, signal: AbortSignal): Promise<void> {
  using steps: Steps<T> = await source.open();
  for (;;) {
    const next = steps.next();
    const item = next instanceof Promise ? await next : next;
    if (item === undefined) return;
    signal.throwIfAborted();
    const full = sink(item);
    if (full !== undefined) await full;
  }
}

async function pumpItems<T>(source: AsyncIterable<T>, sink: Sink<T>, signal: AbortSignal): Promise<void> {
  const iterator = source[Symbol.asyncIterator]();
  const interrupt = (): void => void Promise.resolve(iterator.return?.()).catch(() => {}); // `for await` reports it
  signal.addEventListener("abort", interrupt, { once: true });
  try {
    for await (const item of { [Symbol.asyncIterator]: () => iterator }) {
      signal.throwIfAborted();
      const full = sink(item);
      if (full !== undefined) await full;
    }
  } finally {
    signal.removeEventListener("abort", interrupt);
  }
}
