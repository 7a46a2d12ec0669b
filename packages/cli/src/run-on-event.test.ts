import { existsSync } from "node:fs";
import { mkdtempDisposable, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";
import { eventually } from "@millrace/client-sdk/testing";

import { runOnEvent } from "./run-on-event.js";
import { someEvent } from "./some-event.test.support.js";

describe("a command that runs for an event", () => {
  it("is terminated when the delivery is given up", async () => {
    const given = new AbortController();
    const running = runOnEvent("exec sleep 1000", someEvent(1), { attempt: 1, signal: given.signal }, false);
    given.abort();
    await expect(running).rejects.toMatchObject({ name: "AbortError" });
  });

  it("is terminated with all that it has started, before the delivery counts as given up", async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), "run-on-event-"));
    const started = join(folder.path, "started");
    const given = new AbortController();
    const command = `sleep 1000 & echo $! > '${started}.new'; mv '${started}.new' '${started}'; wait; wait`;
    const running = runOnEvent(command, someEvent(1), { attempt: 1, signal: given.signal }, false);
    await eventually(() => expect(existsSync(started)).toBe(true));
    given.abort();
    await expect(running).rejects.toMatchObject({ name: "AbortError" });
    const pid = Number(await readFile(started, "utf8"));
    await eventually(() => expect(() => process.kill(pid, 0)).toThrow("ESRCH"));
  });

  it("does not get the Ctrl-C that is meant for us: it leads a process group of its own", async () => {
    const { signal } = new AbortController();
    const running = runOnEvent("kill -0 -$$", someEvent(1), { attempt: 1, signal }, false);
    await expect(running).resolves.toBeUndefined();
  });

  it("is not run for a delivery that is given up already", async () => {
    const running = runOnEvent("exit 3", someEvent(1), { attempt: 1, signal: AbortSignal.abort() }, false);
    await expect(running).rejects.toMatchObject({ name: "AbortError" });
  });

  it("is said to be killed if it was", async () => {
    const { signal } = new AbortController();
    const running = runOnEvent("kill -9 $$", someEvent(1), { attempt: 1, signal }, false);
    await expect(running).rejects.toThrow("the command ended with SIGKILL");
  });
});
