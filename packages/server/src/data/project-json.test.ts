import { randomInt } from "node:crypto";

import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { type FieldTree, fieldTreeOf } from "./field-tree.js";
import { projectJson } from "./project-json.js";

function projected(text: string, ...paths: readonly string[]): string {
  return Buffer.from(projectJson(Buffer.from(text), fieldTreeOf("fields", paths) as FieldTree)).toString();
}

/** What a projection gives, the simple way; `undefined`: there are no fields. */
function expected(value: unknown, tree: FieldTree | "all", throughList = true): unknown {
  if (tree === "all") return value;
  if (Array.isArray(value)) {
    if (!throughList) return undefined;
    return value.map((element) => expected(element, tree, false)).filter((element) => element !== undefined);
  }
  if (typeof value !== "object" || value === null) return undefined;
  const members = Object.entries(value).map(([name, member]): [string, unknown] => {
    const below = tree.get(name);
    return [name, below === undefined ? undefined : expected(member, below)];
  });
  return Object.fromEntries(members.filter(([, member]) => member !== undefined));
}

describe("the projection of JSON", () => {
  const name = fc.constantFrom("a", "b", "c", "__proto__", 'q"', "é\\");
  const { json } = fc.letrec((tie) => ({
    json: fc.oneof(
      { depthSize: "small", maxDepth: 5 },
      fc.jsonValue({ maxDepth: 1 }),
      fc.array(tie("json"), { maxLength: 3 }),
      fc.uniqueArray(fc.tuple(name, tie("json")), { selector: ([key]) => key, maxLength: 4 }).map(Object.fromEntries),
    ),
  }));
  const paths = fc.array(
    fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join(".")),
    { minLength: 1, maxLength: 3 },
  );

  it("gives the fields that a walk over the parsed value gives, however the text is spaced", () => {
    const seed = randomInt(2 ** 31);
    process.stdout.write(`project-json.test.ts: seed ${seed}\n`);
    const property = fc.property(json, paths, fc.constantFrom(0, 1, "\t"), (value, selected, space) => {
      const tree = fieldTreeOf("fields", selected) as FieldTree;
      const text = JSON.stringify(value, undefined, space);
      const parsed: unknown = JSON.parse(text);
      const wanted = expected(parsed, tree);
      expect(JSON.parse(projected(text, ...selected))).toEqual(wanted === undefined ? parsed : wanted);
    });
    fc.assert(property, { seed, numRuns: 2000 });
  });

  it("copies values as they are written, in the order in which they came", () => {
    const text = '{ "n" : 1e2 , "m":[1.0 ,{"x":"\\u0041"}],"n2":12345678901234567890}';
    expect(projected(text, "n2", "m", "n")).toBe('{"n":1e2,"m":[1.0 ,{"x":"\\u0041"}],"n2":12345678901234567890}');
    expect(projected(text, "m.x")).toBe('{"m":[{"x":"\\u0041"}]}');
  });

  it("leaves alone what is no JSON or has no fields", () => {
    for (const text of ["", "{", '{"a":1', "nul", "5", '"a"', "{a:1}", '{"a":1} x'])
      expect(projected(text, "b")).toBe(text);
  });

  it("does not mind how deeply anything is nested", () => {
    const deep = `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)},"b":1}`;
    expect(projected(deep, "b")).toBe('{"b":1}');
    expect(projected(deep, "a.x", "b")).toBe('{"a":[],"b":1}');
    expect(projected(deep, "a")).toBe(deep.replace(',"b":1', ""));
  });
});
