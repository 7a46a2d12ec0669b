import { describe, expect, it } from "@jest/globals";

import { latch } from "./latch.js";

describe("latch", () => {
  it("lets everybody pass once it is open, whether they came before or after", async () => {
    const opened = latch<number>();
    const before = opened.promise;
    expect(opened.isOpen).toBe(false);
    opened.open(7);
    expect(opened.isOpen).toBe(true);
    expect(await before).toBe(7);
    expect(await opened.promise).toBe(7);
  });

  it("keeps the first value", async () => {
    const opened = latch<string>();
    opened.open("first");
    opened.open("second");
    expect(await opened.promise).toBe("first");
  });
});
