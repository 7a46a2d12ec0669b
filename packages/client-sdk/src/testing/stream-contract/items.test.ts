import { describe, expect, it } from "@jest/globals";

import { isPayloadOf, item, items, places, placesOf, take, watched } from "./items.js";

describe("the items of the contract", () => {
  it("tell by their content when one was mixed up with another", () => {
    expect(placesOf([...items(3, 6)])).toEqual([3, 4, 5]);
    expect(() => placesOf([item(1, 5)])).toThrow("item 1 has a wrong content");
    expect(isPayloadOf(4, item(4, 100).payload, 100)).toBe(true);
    expect(isPayloadOf(4, item(5, 100).payload, 100)).toBe(false);
    expect(isPayloadOf(4, item(4, 99).payload, 100)).toBe(false);
  });

  it("can be taken one part after the other", async () => {
    const iterator = watched(items(0, 5))[Symbol.asyncIterator]();
    expect(placesOf(await take(iterator, 2))).toEqual(places(0, 2));
    expect(placesOf(await take(iterator))).toEqual(places(2, 5));
    expect(await take(iterator)).toEqual([]);
  });

  it("tell how far a source was pulled and that it was closed", async () => {
    const source = watched(items(0, 5));
    for await (const { n } of source) if (n === 1) break;
    expect(source.pulled.count).toBe(2);
    expect(source.closed.count).toBe(1);
  });
});
