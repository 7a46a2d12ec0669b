import type { Evaluate, Evaluation } from "./evaluation.js";
import { FAILED, isList, isMap, type MapKey, mapKeyOf, type Outcome, type Value } from "./values.js";

/** A function of one or two values that are there. */
export type Apply = (run: Evaluation, left: Value, right: Value) => Outcome;

/** `apply` to what the operands give; fails with them. */
export function applied(apply: Apply, left: Evaluate, right: Evaluate = () => null): Evaluate {
  return (run) => {
    const first = left(run);
    if (first === FAILED) return FAILED;
    const second = right(run);
    return second === FAILED ? FAILED : apply(run, first, second);
  };
}

/** `&&` and `||`: one operand that is `decisive` is enough, whatever the others do. */
export function junction(operands: readonly Evaluate[], decisive: boolean): Evaluate {
  return (run) => {
    let failed = false;
    for (const operand of operands) {
      const value = operand(run);
      if (value === decisive) return decisive;
      failed ||= typeof value !== "boolean";
    }
    return failed ? FAILED : !decisive;
  };
}

/** `test ? yes : no`. */
export function choice(test: Evaluate, yes: Evaluate, no: Evaluate): Evaluate {
  return (run) => {
    const value = test(run);
    if (typeof value !== "boolean") return FAILED;
    return value ? yes(run) : no(run);
  };
}

/** `[a, b]`. */
export function listOf(elements: readonly Evaluate[]): Evaluate {
  return (run) => valuesOf(elements, run);
}

/** `{a: b}`; fails if a key is none, or there twice. */
export function mapOf(keys: readonly Evaluate[], values: readonly Evaluate[]): Evaluate {
  return (run) => {
    const foundKeys = valuesOf(keys, run);
    const foundValues = valuesOf(values, run);
    if (foundKeys === FAILED || foundValues === FAILED) return FAILED;
    const map = new Map<MapKey, Value>();
    for (const [index, value] of foundValues.entries()) {
      const key = mapKeyOf(foundKeys[index]);
      if (key === undefined || map.has(key)) return FAILED;
      map.set(key, value);
    }
    return map;
  };
}

/** What a loop does. */
export interface Loop {
  /** List, or map whose keys are meant. */
  readonly range: Evaluate;
  /** What it has gathered before the first round. */
  readonly start: Evaluate;
  readonly goesOn: Evaluate;
  /** What it has gathered after a round. */
  readonly step: Evaluate;
  readonly result: Evaluate;
  /** Of a round. */
  readonly cost: number;
}

/** What the macros `all`, `exists`, `exists_one`, `filter` and `map` are. */
export function loopOver({ range, start, goesOn, step, result, cost }: Loop): Evaluate {
  return (run) => {
    const items = itemsOf(range(run));
    if (items === FAILED) return FAILED;
    run.gathered = start(run);
    for (const item of items) {
      run.spend(cost);
      run.item = item;
      if (goesOn(run) !== true) break;
      run.gathered = step(run);
    }
    return result(run);
  };
}

function itemsOf(range: Outcome): Iterable<Value> | typeof FAILED {
  if (isList(range)) return range;
  return isMap(range) ? range.keys() : FAILED;
}

function valuesOf(parts: readonly Evaluate[], run: Evaluation): readonly Value[] | typeof FAILED {
  const values: Value[] = [];
  for (const part of parts) {
    const value = part(run);
    if (value === FAILED) return FAILED;
    values.push(value);
  }
  return values;
}
