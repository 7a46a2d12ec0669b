import { tally, type Tally } from "../tally.js";
import type { ContractItem } from "./contract-service.js";

/** The item of place `n`, with `payloadBytes` of content that follows from `n`. */
export function item(n: number, payloadBytes = 0): ContractItem {
  return { n, payload: Buffer.alloc(payloadBytes, n % 251) };
}

/** Items `from` … `to - 1`, each with some content of its own length. */
export function* items(from: number, to: number): Generator<ContractItem> {
  for (let n = from; n < to; n++) yield item(n, (n * 37) % 1_000);
}

/** `from`, `from + 1`, … `to - 1`. */
export function places(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index);
}

/** The places of items that are what {@link items} makes; throws for one that is not. */
export function placesOf(received: readonly ContractItem[]): number[] {
  for (const { n, payload } of received) {
    if (!isPayloadOf(n, payload, (n * 37) % 1_000)) throw new Error(`item ${String(n)} has a wrong content`);
  }
  return received.map(({ n }) => n);
}

/** Whether this is what `item(n, payloadBytes)` carries. */
export function isPayloadOf(n: number, payload: Uint8Array, payloadBytes: number): boolean {
  return Buffer.compare(payload, Buffer.alloc(payloadBytes, n % 251)) === 0;
}

/** Takes what comes, up to `count` items if given; leaves the iterator open then. */
export async function take(iterator: AsyncIterator<ContractItem>, count: number = Infinity): Promise<ContractItem[]> {
  const taken: ContractItem[] = [];
  while (taken.length < count) {
    const step = await iterator.next();
    if (step.done === true) break;
    taken.push(step.value);
  }
  return taken;
}

/** A source that tells how far it was pulled and whether it was closed. */
export interface WatchedSource extends AsyncIterable<ContractItem> {
  /** Items that were asked for. */
  readonly pulled: Tally;
  /** Times that its `finally` has run. */
  readonly closed: Tally;
}

/** Lets a test see what becomes of an iterable of requests. */
export function watched(source: Iterable<ContractItem> | AsyncIterable<ContractItem>): WatchedSource {
  const pulled = tally();
  const closed = tally();
  async function* run(): AsyncGenerator<ContractItem> {
    try {
      for await (const one of source) {
        pulled.add();
        yield one;
      }
    } finally {
      closed.add();
    }
  }
  return { pulled, closed, [Symbol.asyncIterator]: run };
}

/** `source`, then nothing more and no end until `release` resolves. */
export async function* thenWait(
  source: Iterable<ContractItem>,
  release: Promise<unknown>,
): AsyncGenerator<ContractItem> {
  yield* source;
  await release;
}
