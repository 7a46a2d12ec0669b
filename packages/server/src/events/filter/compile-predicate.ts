import { compileExpression } from "./compile-expression.js";
import { Evaluation, TooExpensive } from "./evaluation.js";
import type { FilterSubject, Vocabulary } from "./filter-subject.js";
import { parseFilter } from "./parse-filter.js";

/** Whether a subject meets a condition. Never throws. */
export type Predicate<S extends FilterSubject> = (subject: S) => boolean;

/**
 * A filter in CEL over what `vocabulary` names. docs/protocol.md says what is refused and what evaluation may cost.
 *
 * @throws ServiceError `INVALID_FILTER` with the position, in characters, and what is wrong there
 */
export function compilePredicate<S extends FilterSubject>(
  text: string,
  maxChars: number,
  vocabulary: Vocabulary<S>,
): Predicate<S> {
  const evaluate = compileExpression(parseFilter(text, maxChars), vocabulary);
  return (subject) => {
    try {
      return evaluate(new Evaluation(subject)) === true;
    } catch (error) {
      if (error instanceof TooExpensive) return false;
      throw error;
    }
  };
}
