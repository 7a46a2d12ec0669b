import { describe, expect, it } from "@jest/globals";

import { CountingClock } from "./counting-clock.js";

describe("CountingClock", () => {
  it("counts a timer until it has run or was prevented, once", async () => {
    const clock = new CountingClock();
    const prevent = clock.after(60_000, () => {});
    const ran = new Promise<void>((resolve) => clock.after(1, resolve));
    expect(clock.pending).toBe(2);
    await ran;
    expect(clock.pending).toBe(1);
    prevent();
    prevent();
    expect(clock.pending).toBe(0);
  });
});
