import type { FilterSubject } from "./filter-subject.js";
import type { Outcome, Value } from "./values.js";

/**
 * What one evaluation may cost, in units of about a nanosecond. A comparison costs some tens of them, a function of
 * the library ten thousand.
 */
export const MAX_COST = 1_000_000;

/** Thrown when an evaluation has used up its budget: the subject does not match, whatever else the filter says. */
export class TooExpensive extends Error {
  override readonly name = "TooExpensive";
}

/** Evaluates a part of a filter. Never gives a value that it has not paid for. */
export type Evaluate = (run: Evaluation) => Outcome;

/** One filter meeting one subject: what it reads, the variables of the loop it is in, and what it may still spend. */
export class Evaluation {
  readonly subject: FilterSubject;
  /** The element that the loop is at, and what it has gathered so far. */
  item: Value | undefined;
  gathered: Outcome;
  #budget: number;

  constructor(subject: FilterSubject, budget: number = MAX_COST) {
    this.subject = subject;
    this.#budget = budget;
  }

  /** What is left. */
  get budget(): number {
    return this.#budget;
  }

  /** Pays for work that grows with the data, before it is done. @throws {TooExpensive} */
  spend(units: number): void {
    this.#budget -= units;
    if (this.#budget < 0) throw EXHAUSTED;
  }
}

/** One for all: its stack is of no interest. */
const EXHAUSTED = new TooExpensive("the evaluation costs too much");
