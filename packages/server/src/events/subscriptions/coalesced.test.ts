import { describe, expect, it } from "@jest/globals";

import type { Latch } from "../../testing/latch.js";
import { latch } from "../../testing/latch.js";

import { coalesced } from "./coalesced.js";

describe("coalesced work", () => {
  it("runs one at a time, and once for all who come meanwhile", async () => {
    const runs: Latch[] = [];
    const run = coalesced(() => {
      const end = latch();
      runs.push(end);
      return end.promise;
    });
    const first = run();
    await Promise.resolve();
    const later = [run(), run(), run()];
    runs[0]?.open();
    await first;
    expect(runs).toHaveLength(2);
    runs[1]?.open();
    await Promise.all(later);
    expect(runs).toHaveLength(2);
  });

  it("goes on after a failure, which only those hear whose run it was", async () => {
    let attempts = 0;
    const run = coalesced(async () => {
      attempts += 1;
      if (attempts === 1) throw new Error("no luck");
    });
    await expect(run()).rejects.toThrow("no luck");
    await expect(run()).resolves.toBeUndefined();
  });
});
