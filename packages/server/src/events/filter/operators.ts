import { isCelType } from "@bufbuild/cel";

import type { Apply } from "./combinators.js";
import type { Evaluation } from "./evaluation.js";
import {
  FAILED,
  isBytes,
  isList,
  isMap,
  isTime,
  mapKeyOf,
  numberOf,
  type Outcome,
  type TimeValue,
  type Value,
} from "./values.js";

/** Cost of looking at one value. */
const LOOK = 30;

/** `==`: numbers of all kinds are compared by value; values of other kinds are never equal. */
export function equals(run: Evaluation, left: Value, right: Value): boolean {
  run.spend(LOOK);
  if (typeof left === "string") return typeof right === "string" && sameText(run, left, right);
  if (left === right) return true;
  const number = numberOf(left);
  if (number !== undefined) return sameNumber(number, numberOf(right));
  if (isBytes(left)) return isBytes(right) && sameBytes(run, left, right);
  if (isList(left)) return isList(right) && sameList(run, left, right);
  if (isMap(left)) return isMap(right) && sameMap(run, left, right);
  if (isTime(left)) return isTime(right) && orderOfTimes(left, right) === 0;
  return isCelType(left) && isCelType(right) && left.name === right.name;
}

/** `<`, `<=`, `>` and `>=`, given what the order of two values has to be. Values of different kinds have none. */
export function inOrder(isFine: (order: number) => boolean): Apply {
  return (run, left, right) => {
    const order = orderOf(run, left, right);
    return order === undefined ? FAILED : isFine(order);
  };
}

/** `in`. */
export function isIn(run: Evaluation, value: Value, container: Value): Outcome {
  if (isList(container)) return container.some((element) => equals(run, element, value));
  if (!isMap(container)) return FAILED;
  return hasKey(run, container, value);
}

/** `container[key]` and, with a text, `container.key`. */
export function elementOf(run: Evaluation, container: Value, key: Value): Outcome {
  run.spend(LOOK);
  if (isMap(container)) return hasKey(run, container, key) === true ? container.get(mapKeyOf(key) ?? "") : FAILED;
  const index = numberOf(key);
  return isList(container) && index !== undefined ? container[Number(index)] : FAILED;
}

/** Whether a map has a key, be its value null; fails for what is no key, and for what is no map. */
export function hasKey(run: Evaluation, map: Value, value: Value): Outcome {
  const key = mapKeyOf(value);
  if (!isMap(map) || (key === undefined && typeof value !== "number")) return FAILED;
  run.spend(typeof key === "string" ? LOOK + key.length : LOOK);
  return key !== undefined && map.has(key);
}

/** `size`: code points, bytes or elements. */
export function sizeOf(run: Evaluation, value: Value): Outcome {
  if (typeof value === "string") return BigInt(codePoints(run, value));
  if (isBytes(value) || isList(value)) return BigInt(value.length);
  return isMap(value) ? BigInt(value.size) : FAILED;
}

/** A function of two texts that takes time in proportion to `costOf` them. */
export function ofTexts(
  apply: (text: string, part: string) => boolean,
  costOf: (text: string, part: string) => number,
): Apply {
  return (run, text, part) => {
    if (typeof text !== "string" || typeof part !== "string") return FAILED;
    run.spend(LOOK + costOf(text, part));
    return apply(text, part);
  };
}

/** `+` of texts and lists; `undefined` for what is left to the library. */
export function joined(run: Evaluation, left: Value, right: Value): Outcome {
  if (typeof left === "string" && typeof right === "string") {
    run.spend(LOOK + left.length + right.length);
    return left + right;
  }
  if (!isList(left) || !isList(right)) return FAILED;
  run.spend(LOOK + 4 * (left.length + right.length));
  return left.concat(right);
}

function sameText(run: Evaluation, left: string, right: string): boolean {
  if (left.length !== right.length) return false;
  run.spend(left.length);
  return left === right;
}

/** An int and a double are equal if they are the same number; nothing equals NaN. */
function sameNumber(left: number | bigint, right: number | bigint | undefined): boolean {
  return right !== undefined && left <= right && !(left < right);
}

function sameBytes(run: Evaluation, left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  run.spend(left.length);
  return Buffer.compare(left, right) === 0;
}

function sameList(run: Evaluation, left: readonly Value[], right: readonly Value[]): boolean {
  return left.length === right.length && left.every((value, index) => equals(run, value, right[index] ?? null));
}

function sameMap(run: Evaluation, left: ReadonlyMap<unknown, Value>, right: ReadonlyMap<unknown, Value>): boolean {
  if (left.size !== right.size) return false;
  for (const [key, value] of left) {
    const other = right.get(key);
    if (other === undefined || !equals(run, value, other)) return false;
  }
  return true;
}

/** Below, at or above 0; NaN if a NaN is among them. */
function orderOf(run: Evaluation, left: Value, right: Value): number | undefined {
  run.spend(LOOK);
  const [leftNumber, rightNumber] = [numberOf(left), numberOf(right)];
  if (leftNumber !== undefined && rightNumber !== undefined) return orderOfNumbers(leftNumber, rightNumber);
  if (typeof left === "string" && typeof right === "string") {
    run.spend(Math.min(left.length, right.length));
    return left < right ? -1 : Number(left > right);
  }
  if (typeof left === "boolean" && typeof right === "boolean") return Number(left) - Number(right);
  if (isBytes(left) && isBytes(right)) {
    run.spend(Math.min(left.length, right.length));
    return Buffer.compare(left, right);
  }
  return isTime(left) && isTime(right) && left.$typeName === right.$typeName ? orderOfTimes(left, right) : undefined;
}

/** As doubles, unless both are whole numbers: so says the specification. */
function orderOfNumbers(left: number | bigint, right: number | bigint): number {
  if (typeof left === "bigint" && typeof right === "bigint") return left < right ? -1 : Number(left > right);
  const [a, b] = [Number(left), Number(right)];
  if (a < b) return -1;
  if (a > b) return 1;
  return a === b ? 0 : NaN;
}

/** Not 0 if one is a moment and the other a span of time. */
function orderOfTimes(left: TimeValue, right: TimeValue): number {
  if (left.$typeName !== right.$typeName) return NaN;
  if (left.seconds !== right.seconds) return left.seconds < right.seconds ? -1 : 1;
  return left.nanos - right.nanos;
}

function codePoints(run: Evaluation, text: string): number {
  run.spend(4 * text.length);
  let count = text.length;
  for (let index = 1; index < text.length; index++) {
    const isPair = (text.charCodeAt(index) & 0xfc00) === 0xdc00 && (text.charCodeAt(index - 1) & 0xfc00) === 0xd800;
    if (isPair) count--;
  }
  return count;
}
