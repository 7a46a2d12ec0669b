/** What must be known of a statement beside what SQLite says of it. Imports nothing but node: modules and what does so too. */
import { QueryError } from "./sqlite-query-failure.js";

/** What is neither between quotes nor a comment, piece by piece; quotes and comments are skipped as SQLite does. */
const TOKEN =
  /'(?:[^']|'')*'?|"(?:[^"]|"")*"?|`(?:[^`]|``)*`?|\[[^\]]*\]?|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|(?<parameter>[?$:@#][\w$]*(?:::[\w$]*|\([^)]*\))*)|(?<word>[\w$\u0080-\u{10ffff}]+)|(?<end>;)|\s+|[\s\S]/gu;

const FIRST_WORDS: readonly string[] = ["select", "with", "values"];

/**
 * The number of parameters of a statement, which are `$1`, `$2` and so on.
 *
 * @throws QueryError if it is more than one statement, none, another one than SELECT, WITH or VALUES, or has other
 *   parameters
 */
export function checkStatement(sql: string): number {
  if (sql.includes("\0")) throw new QueryError("INVALID_QUERY", "a statement must not contain NUL");
  let first: string | undefined;
  let hasEnded = false;
  let parameters = 0;
  for (const match of sql.matchAll(TOKEN)) {
    const { parameter, word, end } = match.groups ?? {};
    if (isBlank(match[0])) continue;
    if (end !== undefined) {
      if (first === undefined) throw new QueryError("INVALID_QUERY", "expected a statement before the semicolon");
      hasEnded = true;
      continue;
    }
    if (hasEnded) throw new QueryError("INVALID_QUERY", "expected one statement, got several");
    first ??= (word ?? match[0]).toLowerCase();
    if (parameter !== undefined) parameters = Math.max(parameters, parameterNumber(parameter));
  }
  if (first === undefined) throw new QueryError("INVALID_QUERY", "expected a statement, got none");
  if (!FIRST_WORDS.includes(first)) {
    throw new QueryError("QUERY_NOT_READ_ONLY", "only SELECT, WITH ... SELECT and VALUES can be run");
  }
  return parameters;
}

function isBlank(token: string): boolean {
  return /^\s/.test(token) || token.startsWith("--") || token.startsWith("/*");
}

function parameterNumber(text: string): number {
  const number = /^\$([1-9]\d{0,2})$/.exec(text)?.[1];
  if (number !== undefined) return Number(number);
  throw new QueryError("INVALID_QUERY", `parameters are $1 to $999, not ${text}`);
}
