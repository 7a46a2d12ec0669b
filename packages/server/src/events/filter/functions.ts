import type { Apply } from "./combinators.js";
import { type LibraryCall, libraryCall } from "./library-call.js";
import { elementOf, equals, inOrder, isIn, joined, ofTexts, sizeOf } from "./operators.js";
import { TIME_PARTS } from "./time-parts.js";
import { FAILED } from "./values.js";

/** What is known of a value before there is an event: whether it can be a condition. */
export type Kind = "condition" | "other" | "any";

/** An operator or function of one or two values, all of which are there. */
export interface FilterFunction {
  readonly kind: Kind;
  readonly apply: Apply;
}

const linear = (length: number): number => 8 * length;

/** Texts that are numbers. */
const WHOLE = /^[+-]?\d{1,64}$/;
const DECIMAL = /^[+-]?(\d{1,64}(\.\d{0,64})?|\.\d{1,64})([eE][+-]?\d{1,4})?$/;

const add = libraryCall("a + b", linear);

const SIZE = other((run, value) => sizeOf(run, value));

/** By name, with the number of arguments; those that are called on a value begin with a dot. */
export const FUNCTIONS: ReadonlyMap<string, FilterFunction> = new Map<string, FilterFunction>([
  ["_==_/2", condition(equals)],
  ["_!=_/2", condition((run, left, right) => !equals(run, left, right))],
  ["_<_/2", condition(inOrder((order) => order < 0))],
  ["_<=_/2", condition(inOrder((order) => order <= 0))],
  ["_>_/2", condition(inOrder((order) => order > 0))],
  ["_>=_/2", condition(inOrder((order) => order >= 0))],
  ["@in/2", condition(isIn)],
  ["!_/1", condition((_run, value) => (typeof value === "boolean" ? !value : FAILED))],
  ["_[_]/2", { kind: "any", apply: elementOf }],
  ["size/1", SIZE],
  [".size/0", SIZE],
  [".startsWith/1", condition(ofTexts(startsWith, (_text, part) => part.length))],
  [".endsWith/1", condition(ofTexts(endsWith, (_text, part) => part.length))],
  [".contains/1", condition(ofTexts(contains, (text, part) => text.length * (1 + part.length / 4)))],
  ["_+_/2", other((run, left, right) => joined(run, left, right) ?? add(run, left, right))],
  ["_-_/2", other(libraryCall("a - b"))],
  ["_*_/2", other(libraryCall("a * b"))],
  ["_/_/2", other(libraryCall("a / b"))],
  ["_%_/2", other(libraryCall("a % b"))],
  ["-_/1", other(libraryCall("-a"))],
  ["int/1", other(ofNumeral(WHOLE, libraryCall("int(a)")))],
  ["uint/1", other(ofNumeral(WHOLE, libraryCall("uint(a)")))],
  ["double/1", other(ofNumeral(DECIMAL, libraryCall("double(a)")))],
  ["string/1", other(libraryCall("string(a)", linear))],
  ["bytes/1", other(libraryCall("bytes(a)", linear))],
  ["bool/1", condition(libraryCall("bool(a)", linear))],
  ["timestamp/1", other(libraryCall("timestamp(a)", linear))],
  ["duration/1", other(libraryCall("duration(a)", linear))],
  ["type/1", other(libraryCall("type(a)"))],
  ["dyn/1", { kind: "any", apply: (_run, value) => value }],
  ...TIME_PARTS.map(([name, apply]) => [`.${name}/0`, other(apply)] as const),
]);

function condition(apply: Apply): FilterFunction {
  return { kind: "condition", apply };
}

function other(apply: Apply): FilterFunction {
  return { kind: "other", apply };
}

/** The library takes "" for 0 and "x" for NaN, and long numerals long: such texts fail instead. */
function ofNumeral(form: RegExp, convert: LibraryCall): Apply {
  return (run, value) => (typeof value === "string" && !form.test(value) ? FAILED : convert(run, value));
}

function startsWith(text: string, part: string): boolean {
  return text.startsWith(part);
}

function endsWith(text: string, part: string): boolean {
  return text.endsWith(part);
}

function contains(text: string, part: string): boolean {
  return text.includes(part);
}
