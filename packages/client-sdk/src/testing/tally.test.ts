import { describe, expect, it } from "@jest/globals";

import { tally } from "./tally.js";

describe("tally", () => {
  it("resolves each waiter when its count is reached, not earlier", async () => {
    const items = tally();
    const order: string[] = [];
    const three = items.reached(3).then(() => order.push("three"));
    const one = items.reached(1).then(() => order.push("one"));
    items.add();
    await one;
    expect(order).toEqual(["one"]);
    items.add(2);
    await three;
    expect(order).toEqual(["one", "three"]);
    expect(items.count).toBe(3);
  });

  it("resolves at once for a count that was reached before", async () => {
    const items = tally();
    items.add(5);
    await expect(items.reached(4)).resolves.toBeUndefined();
  });
});
