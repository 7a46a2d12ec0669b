import { type CelInput, celEnv, isCelError, parse, plan } from "@bufbuild/cel";

import type { Evaluation } from "./evaluation.js";
import { FAILED, fromCel, isBytes, type Outcome, type Value } from "./values.js";

/** What a call costs whatever its arguments: it may have to build an error. */
const CALL = 10_000;

/** A function of CEL's standard library, as a function of its values. */
export type LibraryCall = (run: Evaluation, left: Value, right?: Value) => Outcome;

const STANDARD = celEnv();

/**
 * The function of the standard library that `text` calls with `a` and perhaps `b`, such as `a + b`. `lengthCost` is
 * what a text or bytes of some length add to its cost.
 */
export function libraryCall(text: string, lengthCost: (length: number) => number = () => 0): LibraryCall {
  const call = plan(STANDARD, parse(text));
  const costOf = (value: Value): number => lengthCost(typeof value === "string" || isBytes(value) ? value.length : 0);
  return (run, a, b = null) => {
    run.spend(CALL + costOf(a) + costOf(b));
    const variables: Record<string, CelInput> = { a, b };
    const result = call(variables);
    return isCelError(result) ? FAILED : fromCel(result);
  };
}
