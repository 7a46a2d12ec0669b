import { describe, expect, it } from "@jest/globals";

import { checkStatement } from "./sqlite-query-text.js";

describe("a statement", () => {
  it.each([
    ["SELECT 1", 0],
    ["select $1", 1],
    ["  \n-- hello; $9\n/* ; */ WITH x AS (SELECT $2) SELECT $1 FROM x;  -- bye", 2],
    ["VALUES ($1, $1, $3) ; ; ", 3],
    ["SELECT '$1; DELETE', \"$2\", `$3`, [$4], 'it''s $5'", 0],
    ["SELECT x'00', 1.5e3, a$b FROM t", 0],
    ["SELECT 'not closed $1", 0],
    ["SELECT 1 /* not closed ; $1", 0],
  ])("has its parameters counted: %j", (sql, count) => {
    expect(checkStatement(sql)).toBe(count);
  });

  it.each([
    ["", "expected a statement, got none"],
    [" ; -- SELECT 1", "expected a statement before the semicolon"],
    ["-- SELECT 1", "expected a statement, got none"],
    ["SELECT 1; SELECT 2", "expected one statement, got several"],
    ["; SELECT 1", "expected a statement before the semicolon"],
    ["SELECT ?", "parameters are $1 to $999, not ?"],
    ["SELECT ?1", "parameters are $1 to $999, not ?1"],
    ["SELECT :a", "parameters are $1 to $999, not :a"],
    ["SELECT $0", "parameters are $1 to $999, not $0"],
    ["SELECT $1000", "parameters are $1 to $999, not $1000"],
    ["SELECT $1::int", "parameters are $1 to $999, not $1::int"],
    ["SELECT 1\0", "a statement must not contain NUL"],
  ])("is refused: %j", (sql, message) => {
    expect(() => checkStatement(sql)).toThrow(expect.objectContaining({ reason: "INVALID_QUERY", message }));
  });

  it.each(["DELETE FROM t", "(SELECT 1)", "EXPLAIN SELECT 1", "\u{feff}SELECT 1", "SELECTED 1", "'SELECT' 1"])(
    "other than SELECT, WITH and VALUES may not be run: %j",
    (sql) => {
      expect(() => checkStatement(sql)).toThrow(expect.objectContaining({ reason: "QUERY_NOT_READ_ONLY" }));
    },
  );
});
