import { parse } from "@bufbuild/cel";

import { invalidFilter } from "./invalid-filter.js";

/** A part of a parsed filter. */
export type Expr = ReturnType<typeof parse>["expr"];

export interface ParsedFilter {
  readonly expr: Expr;
  /** The character at which a part begins. */
  positionOf(expr: Expr): number;
}

/** Names, numbers and brackets of a filter, at most: many more than a filter within the limits has. */
const MAX_WORDS = 1024;

/** Literals and comments, in which words do not count. */
const LITERAL = /"""[^]*?"""|'''[^]*?'''|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\/\/.*/g;

/** @throws ServiceError `INVALID_FILTER` */
export function parseFilter(text: string, maxChars: number): ParsedFilter {
  if (text.length > maxChars) {
    throw invalidFilter(maxChars, `has ${String(text.length)} characters, at most ${String(maxChars)} are allowed`);
  }
  const words = text.replaceAll(LITERAL, "0").match(/[\w.]+|[([{]/g)?.length ?? 0;
  if (words > MAX_WORDS) throw invalidFilter(0, "has too many parts"); // parsing them would take long
  try {
    const { expr, sourceInfo } = parse(text);
    return { expr, positionOf: ({ id }) => sourceInfo?.positions[String(id)] ?? 0 };
  } catch (error) {
    throw invalidFilter(...flawOf(error));
  }
}

/** The parser's error classes are not exported. */
function flawOf(error: unknown): [position: number, detail: string] {
  if (error instanceof RangeError) return [0, "is nested too deeply, or has a character that does not exist"];
  const { rawMessage, message, location } = error as Error & ParseError;
  const detail = rawMessage ?? message;
  return [location?.start.offset ?? 0, detail];
}

interface ParseError {
  readonly rawMessage?: string;
  readonly location?: { readonly start: { readonly offset: number } };
}
