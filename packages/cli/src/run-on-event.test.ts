import { describe, expect, it } from "@jest/globals";

import { runOnEvent } from "./run-on-event.js";
import { someEvent } from "./some-event.test.support.js";

describe("a command that runs for an event", () => {
  it("is terminated when the delivery is given up", async () => {
    const given = new AbortController();
    const running = runOnEvent("exec sleep 1000", someEvent(1), { attempt: 1, signal: given.signal }, false);
    given.abort();
    await expect(running).rejects.toMatchObject({ name: "AbortError" });
  });

  it("is said to be killed if it was", async () => {
    const { signal } = new AbortController();
    const running = runOnEvent("kill -9 $$", someEvent(1), { attempt: 1, signal }, false);
    await expect(running).rejects.toThrow("the command ended with SIGKILL");
  });
});
