import { describe, expect, it } from "@jest/globals";

import { jsonMembers } from "./json-members.js";

describe("the members of a JSON object", () => {
  it.each([
    ["{}", {}],
    ["  { }  ", {}],
    [
      '{"key":"a","data":{"n":12345678901234567890,"x":1.0}}',
      { key: '"a"', data: '{"n":12345678901234567890,"x":1.0}' },
    ],
    ['{ "data" : [1, {"a":"}"}, "]" ] , "b":null}', { data: '[1, {"a":"}"}, "]" ]', b: "null" }],
    [String.raw`{"a\"}":"\\","b":"\\\"{"}`, { 'a"}': String.raw`"\\"`, b: String.raw`"\\\"{"` }],
    [String.raw`{"\u0064ata":1,"data":2}`, { data: "2" }],
    ['{"data":-1e400,"e":""}', { data: "-1e400", e: '""' }],
  ])("are the texts of %s", (text, members) => {
    JSON.parse(text);
    expect(Object.fromEntries(jsonMembers(text))).toEqual(members);
  });

  it("are what JSON.parse finds", () => {
    const value = { a: [[], {}, [{ "{": ",:" }]], "": { b: '"', c: "\\" }, d: true, e: { f: { g: [null] } } };
    for (const space of [0, 2]) {
      const members = jsonMembers(JSON.stringify(value, undefined, space));
      expect(Object.fromEntries([...members].map(([name, text]) => [name, JSON.parse(text) as unknown]))).toEqual(
        value,
      );
    }
  });
});
