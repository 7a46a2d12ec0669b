import { describe, expect, it } from "@jest/globals";
import { QueryFormat, type QueryResponse } from "@millrace/shared-types";

import type { QueryScalar } from "../ports/query-engine.js";
import type { QueryColumnType } from "../ports/query-tables.js";

import { rowResponses } from "./row-format.js";

function responsesTo(
  values: readonly QueryScalar[],
  type: QueryColumnType,
  format: QueryFormat,
): readonly QueryResponse[] {
  return [
    ...rowResponses({ rows: values.map((value) => [value]), bytes: 0, done: true }, [{ name: "c", type }], format),
  ];
}

/** The values of a column, typed. */
function typed(values: readonly QueryScalar[], type: QueryColumnType): readonly unknown[] {
  const [response] = responsesTo(values, type, QueryFormat.TYPED);
  return (response?.rows?.rows ?? []).map((row) => row.values[0]?.kind?.$case ?? null);
}

/** The values of a column, as JSON. */
function json(values: readonly QueryScalar[], type: QueryColumnType): readonly string[] {
  return responsesTo(values, type, QueryFormat.UNSPECIFIED).map(({ data }) => data);
}

describe("a value that is not what its column says", () => {
  it.each<[QueryColumnType, readonly QueryScalar[], readonly (string | null)[]]>([
    ["bool", [1n, 0n, 2n, "x", null], ["boolValue", "boolValue", "intValue", "stringValue", null]],
    ["json", ["{}", "{", 1n, null], ["jsonValue", "stringValue", "intValue", null]],
    [
      "timestamp",
      ["2026-01-02T03:04:05.678Z", "2026-13-40T00:00:00.000Z", "0000-01-01T00:00:00.000Z", "now", 5n],
      ["timestampValue", "stringValue", "stringValue", "stringValue", "intValue"],
    ],
    ["int", [1n, "x", 0.5], ["intValue", "stringValue", "doubleValue"]],
  ])("is what it is: in a column of type %s", (type, values, kinds) => {
    expect(typed(values, type)).toEqual(kinds);
  });

  it("never makes a row that is no JSON, or more than one line", () => {
    const rows = json(['{"a":\n1}', "{", '"', "\n", null], "json");
    expect(rows).toEqual(['{"c":{"a": 1}}', '{"c":"{"}', '{"c":"\\""}', '{"c":"\\n"}', '{"c":null}']);
    for (const row of rows) expect(() => JSON.parse(row) as unknown).not.toThrow();
  });
});

describe("rows that are larger as text", () => {
  const control = "\u0001".repeat(700_000); // 6 characters each as JSON

  it("are refused one by one where they do not fit into a message", () => {
    expect(() => json([control], "string")).toThrow(expect.objectContaining({ reason: "QUERY_LIMIT" }));
    expect(() => responsesTo([control], "string", QueryFormat.JSON_ROWS)).toThrow(
      expect.objectContaining({ reason: "QUERY_LIMIT" }),
    );
    expect(typed([control], "string")).toEqual(["stringValue"]);
  });

  it("make more messages", () => {
    const half = "\u0001".repeat(350_000);
    const responses = responsesTo([half, half, "x"], "string", QueryFormat.JSON_ROWS);
    expect(responses.map(({ jsonRows }) => Buffer.from(jsonRows).toString().trimEnd().split("\n").length)).toEqual([
      1, 2,
    ]);
  });
});
