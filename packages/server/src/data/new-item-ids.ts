import { randomInt } from "node:crypto";

import type { Clock } from "../ports/clock.js";

const RANDOM_BITS = 20;

/**
 * Numbers for items whose writers give neither id nor key: milliseconds since 1970 and 20 random bits, each
 * greater than the one before. All have 19 digits, so that such items are listed in the order in which they came.
 */
export class NewItemIds {
  readonly #clock: Clock;
  #last = 0n;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The first of `count` numbers that follow each other; each is an int64. */
  take(count = 1): bigint {
    const now = (BigInt(this.#clock.now()) << BigInt(RANDOM_BITS)) | BigInt(randomInt(2 ** RANDOM_BITS));
    const first = now > this.#last ? now : this.#last + 1n;
    this.#last = first + BigInt(count - 1);
    return first;
  }
}
