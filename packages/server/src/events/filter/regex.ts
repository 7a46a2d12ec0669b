import { RE2JS } from "@bufbuild/re2";

import type { Evaluation } from "./evaluation.js";
import type { Outcome } from "./values.js";

/** A pattern, in characters. */
const MAX_PATTERN_CHARS = 256;

/** {@link weightOf} a pattern. */
const MAX_WEIGHT = 250;

/** Of running a pattern over a text, by character; and by character and unit of weight. */
const CHARACTER_COST = 400;
const STEP_COST = 60;

/** Tests a text against a pattern. */
export type Regex = (run: Evaluation, text: string) => Outcome;

/** What is wrong with an RE2 pattern: it is not valid, or would take too long; `undefined` if it is fine. */
export function flawOfPattern(pattern: string): string | undefined {
  if (pattern.length > MAX_PATTERN_CHARS) return `has more than ${String(MAX_PATTERN_CHARS)} characters`;
  if (weightOf(pattern) > MAX_WEIGHT) return "is too large with its repetitions written out";
  return isValid(pattern) ? undefined : "is not valid in RE2";
}

function isValid(pattern: string): boolean {
  try {
    RE2JS.compile(pattern);
    return true;
  } catch {
    return false;
  }
}

/**
 * The test of a pattern without flaw, compiled once (the library's own `matches` compiles each time). It takes
 * time in proportion to the text, whatever the pattern.
 */
export function regexOf(pattern: string): Regex {
  const compiled = RE2JS.compile(pattern);
  const characterCost = CHARACTER_COST + STEP_COST * weightOf(pattern);
  return (run, text) => {
    run.spend(characterCost * text.length);
    return compiled.test(text);
  };
}

/** An element of a pattern: an escape, a class, a counted repetition, or a character. */
const ELEMENT = /\\(?:[pP]\{[^}]*\}|[^])|\[\^?\]?(?:\\[^]|[^\]\\])*\]|\{(\d+)(?:,(\d*))?\}|[^]/g;

/** How large the program of a pattern is, about: its characters, with counted repetitions written out. */
export function weightOf(pattern: string): number {
  const groups: number[] = [];
  let sum = 0;
  let last = 0;
  for (const [element, least, most] of pattern.matchAll(ELEMENT)) {
    if (least !== undefined) {
      last *= Math.max(Number(least), Number(most ?? 0), 1);
      sum += last;
    } else if (element === "(") {
      groups.push(sum);
    } else {
      last = element === ")" ? sum - (groups.pop() ?? 0) : element.length > 1 ? 4 : 1;
      sum += element === ")" ? 0 : last;
    }
  }
  return sum;
}
