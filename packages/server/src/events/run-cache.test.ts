import { expect, it } from "@jest/globals";

import { RunCache } from "./run-cache.js";

/** Something of so many bytes that says when it is dropped. */
function keptOf(bytes: number, name: string, dropped: string[]) {
  return { bytes, onDropped: () => void dropped.push(name) };
}

it("drops the oldest when there is no more room, also what is larger than all the room", () => {
  const dropped: string[] = [];
  const cache = new RunCache(100);
  for (const name of ["a", "b", "c"]) cache.keep(keptOf(40, name, dropped));
  expect(dropped).toEqual(["a"]);
  cache.keep(keptOf(60, "d", dropped));
  expect(dropped).toEqual(["a", "b"]);
  cache.keep(keptOf(101, "e", dropped));
  expect(dropped).toEqual(["a", "b", "c", "d", "e"]);
});

it("drops what nobody can ask for any more, once", () => {
  const dropped: string[] = [];
  const cache = new RunCache(100);
  const [a, b, c] = ["a", "b", "c"].map((name) => keptOf(50, name, dropped));
  if (a === undefined || b === undefined || c === undefined) throw new Error("unreachable");
  cache.keep(a);
  cache.keep(b);
  cache.drop(a);
  cache.drop(a);
  cache.keep(c);
  expect(dropped).toEqual(["a"]);
});
