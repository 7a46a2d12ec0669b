import { describe, expect, it } from "@jest/globals";

import { within } from "./within.js";

describe("within", () => {
  it("gives the result and the failure of what settles", async () => {
    expect(await within(Promise.resolve(3), "three")).toBe(3);
    await expect(within(Promise.reject(new Error("broken")), "three")).rejects.toThrow("broken");
  });

  it("names the event that did not happen", async () => {
    await expect(within(new Promise(() => {}), "the handler was entered", 1)).rejects.toThrow(
      "the handler was entered: did not happen within 1 ms",
    );
  });
});
