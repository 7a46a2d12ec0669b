import type { RowMutation } from "../ports/item-store.js";

import type { Processor, ProcessorContext } from "./processor.js";

/** A processor whose effect is a change of one row, so that a store can make many of them in one commit. */
export interface AtomicProcessor extends Processor {
  /**
   * The change that running an item makes.
   *
   * @throws ServiceError saying what is wrong with the item
   */
  changeOf(payload: Uint8Array, context: ProcessorContext): Promise<RowMutation>;
}

/** Whether a processor can run a batch atomically. */
export function isAtomic(processor: Processor): processor is AtomicProcessor {
  return "changeOf" in processor;
}
