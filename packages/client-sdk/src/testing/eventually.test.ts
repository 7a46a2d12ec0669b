import { describe, expect, it } from "@jest/globals";

import { eventually } from "./eventually.js";

describe("eventually", () => {
  it("waits for what the event loop brings", async () => {
    let arrived = false;
    setTimeout(() => (arrived = true), 5);
    await eventually(() => expect(arrived).toBe(true));
  });

  it("tells what was still wrong when it gives up", async () => {
    let tries = 0;
    const never = eventually(() => {
      throw new Error(`wrong ${String(++tries > 1)}`);
    }, 20);
    await expect(never).rejects.toThrow("wrong true");
  });
});
