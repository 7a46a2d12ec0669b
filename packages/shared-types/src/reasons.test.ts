import { readFileSync } from "node:fs";
import { join } from "node:path";

import { ErrorReason } from "#gen/streaming/v1/common.js";
import { describe, expect, test } from "@jest/globals";

import { loadProtos } from "./contract.test.support.js";
import { isReason, REASONS } from "./reasons.js";
import { statusCodeName } from "./status-code.js";

const PREFIX = "ERROR_REASON_";

interface Documented {
  readonly code: string;
  readonly metadata: readonly string[];
  readonly retryable?: boolean;
}

/** What the comments of the proto enum say. */
function protoReasons(): Record<string, Documented> {
  const { comments } = loadProtos().lookupEnum("streaming.v1.ErrorReason");
  const documented = Object.entries(comments).filter(([name]) => name !== `${PREFIX}UNSPECIFIED`);
  return Object.fromEntries(documented.map(([name, text]) => [name.slice(PREFIX.length), fromComment(text ?? "")]));
}

/** Such as `ABORTED. Something. metadata: expected, and actual where there is one.` */
function fromComment(comment: string): Documented {
  const text = comment.replaceAll("\n", " ").replace(/\([^)]*\)/g, "");
  const [, list] = /metadata: ([^.]*)/.exec(text) ?? [];
  const keys = list?.split(",").map((item) => item.trim().replace(/^and /, "").split(" ")[0] ?? "");
  return { code: /^[A-Z_]+/.exec(text)?.[0] ?? "", metadata: keys ?? [] };
}

/** What the table of docs/errors.md says. */
function pageReasons(): Record<string, Documented> {
  const page = readFileSync(join(import.meta.dirname, "../../../docs/errors.md"), "utf8");
  const rows = page.split("\n").filter((line) => line.startsWith("| `"));
  return Object.fromEntries(rows.map((row) => fromRow(row.split("|").map((cell) => cell.trim()))));
}

function fromRow([, reason = "", code = "", retryable, metadata = "", happened = "", todo = ""]: string[]): [
  string,
  Documented,
] {
  if (happened === "" || todo === "") throw new Error(`${reason}: a cell is empty`);
  const keys = [...metadata.matchAll(/`([a-z_]+)`/g)].map(([, key]) => key ?? "");
  return [reason.replaceAll("`", ""), { code, metadata: keys, retryable: retryable === "yes" }];
}

/** What the code says. */
function tableReasons(): Record<string, Required<Documented>> {
  const rules = Object.entries(REASONS);
  return Object.fromEntries(rules.map(([name, { code, ...rule }]) => [name, { ...rule, code: statusCodeName(code) }]));
}

function withoutRetryable(reasons: Record<string, Documented>): Record<string, Documented> {
  const entries = Object.entries(reasons);
  return Object.fromEntries(entries.map(([name, { code, metadata }]) => [name, { code, metadata }]));
}

describe("the table of reasons", () => {
  test("has exactly the names of the generated enum", () => {
    const generated = Object.keys(ErrorReason).filter((name) => name !== "UNSPECIFIED" && name !== "UNRECOGNIZED");
    expect(Object.keys(REASONS).toSorted()).toEqual(generated.toSorted());
  });

  test("has the codes and metadata keys that the comments of the proto enum name", () => {
    expect(withoutRetryable(tableReasons())).toEqual(protoReasons());
  });

  test("is the table of docs/errors.md, in the same order", () => {
    expect(pageReasons()).toEqual(tableReasons());
    expect(Object.keys(pageReasons())).toEqual(Object.keys(REASONS));
  });

  test("calls retryable only reasons whose code leaves room for a later success", () => {
    const retryable = Object.values(tableReasons()).filter((rule) => rule.retryable);
    expect(new Set(retryable.map(({ code }) => code))).toEqual(
      new Set(["UNAVAILABLE", "DEADLINE_EXCEEDED", "ABORTED", "RESOURCE_EXHAUSTED"]),
    );
  });
});

describe("isReason", () => {
  test("knows the reasons of this contract and nothing that objects inherit", () => {
    expect(isReason("UPLOAD_EXPIRED")).toBe(true);
    for (const name of ["UNSPECIFIED", "QUOTA", "constructor", "__proto__", ""]) expect(isReason(name)).toBe(false);
  });
});
