import { describe, expect, it } from "@jest/globals";

import { seededRandom } from "./seeded-random.js";

const take = (seed: number, count: number): number[] => Array.from({ length: count }, seededRandom(seed));

describe("seededRandom", () => {
  it("repeats with its seed and differs without", () => {
    expect(take(7, 20)).toEqual(take(7, 20));
    expect(take(7, 20)).not.toEqual(take(8, 20));
  });

  it("is uniform in [0, 1)", () => {
    const tenths = Array.from({ length: 10 }, () => 0);
    for (const number of take(1, 10_000)) {
      const tenth = Math.floor(number * 10);
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    expect(tenths).toHaveLength(10);
    for (const count of tenths) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });
});
