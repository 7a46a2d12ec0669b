import { Fifo } from "../events/fifo.js";

import type { BatchItem } from "./batch-item.js";

/** Lets one item at a time go per ordering key, in the order in which they came. Items without one go at once. */
export class OrderingLanes {
  /** Behind the item that goes now. A key is here as long as one goes. */
  readonly #waiting = new Map<string, Fifo<BatchItem>>();

  /** Whether the item may go now; else it waits for the one before it to leave. */
  enter(item: BatchItem): boolean {
    const { orderingKey } = item.request;
    if (orderingKey === "") return true;
    const lane = this.#waiting.get(orderingKey);
    if (lane === undefined) this.#waiting.set(orderingKey, new Fifo());
    else lane.push(item);
    return lane === undefined;
  }

  /** The item is through. Returns the one that may go now in its place. */
  leave({ request: { orderingKey } }: BatchItem): BatchItem | undefined {
    if (orderingKey === "") return undefined;
    const next = this.#waiting.get(orderingKey)?.shift();
    if (next === undefined) this.#waiting.delete(orderingKey);
    return next;
  }
}
