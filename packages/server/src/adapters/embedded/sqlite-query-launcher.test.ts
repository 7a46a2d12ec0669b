import { expect, it } from "@jest/globals";

import { openQueryFixture } from "./sqlite-query-fixture.test.support.js";
import { QueryLauncher } from "./sqlite-query-launcher.js";
import type { QueryProcess } from "./sqlite-query-process.js";
import type { QueryProcessRequest } from "./sqlite-query-protocol.js";

const CLOSE = { kind: "close" } as const;
const UNAVAILABLE = { reason: "BACKEND_UNAVAILABLE" };

/** A launcher over stores of its own. */
async function openLauncher() {
  const fixture = await openQueryFixture();
  const fileOf = (name: string): string => `${fixture.path}/${name}.db`;
  const files = {
    records: fileOf("records"),
    events: fileOf("events"),
    items: fileOf("items"),
    metrics: fileOf("metrics"),
  };
  const launcher = new QueryLauncher({
    files,
    limits: { maxSqlBytes: 1000, maxValueBytes: 1000, maxResidentBytes: 1024 ** 3 },
  });
  const started: QueryProcess[] = [];
  return {
    async start() {
      const process = await launcher.start();
      started.push(process);
      return process;
    },
    async [Symbol.asyncDispose]() {
      for (const process of started) process.kill();
      await Promise.all(started.map(({ gone }) => gone));
      await launcher[Symbol.asyncDispose]();
      await fixture[Symbol.asyncDispose]();
    },
  };
}

/** Ends the thread that has started a process: it cannot pass on nothing. */
async function failThreadOf(process: QueryProcess): Promise<void> {
  const nothing = undefined as unknown as QueryProcessRequest;
  await expect(process.ask(nothing, "ready")).rejects.toMatchObject(UNAVAILABLE);
}

it("starts processes from a thread, not from the event loop that serves", async () => {
  await using fixture = await openLauncher();
  const processes = await Promise.all([fixture.start(), fixture.start()]);
  const pids = processes.map(({ pid }) => pid);
  expect(new Set(pids).size).toBe(2);
  for (const pid of pids) expect(process.kill(pid, 0)).toBe(true);
  expect(process.getActiveResourcesInfo()).not.toContain("ProcessWrap");
});

it("knows of a process that was ended by somebody else", async () => {
  await using fixture = await openLauncher();
  const started = await fixture.start();
  process.kill(started.pid, "SIGKILL");
  await started.gone;
  expect(started.hasEnded).toBe(true);
  await expect(started.ask(CLOSE, "ready")).rejects.toMatchObject({
    ...UNAVAILABLE,
    cause: { message: expect.stringContaining("SIGKILL") },
  });
});

it("loses its processes with the thread, and starts others", async () => {
  await using fixture = await openLauncher();
  const [first, second] = await Promise.all([fixture.start(), fixture.start()]);
  await failThreadOf(first);
  await Promise.all([first.gone, second.gone]);
  await expect(second.ask(CLOSE, "ready")).rejects.toMatchObject(UNAVAILABLE);
  const third = await startSoon(fixture);
  expect(await third.ask(CLOSE, "ready")).toEqual({ kind: "ready" });
});

it("says that a process is gone when nothing of it is left", async () => {
  await using fixture = await openLauncher();
  const started = await fixture.start();
  started.kill();
  await started.gone;
  expect(() => process.kill(started.pid, 0)).toThrow("ESRCH");
});

/** A process of the thread that follows one which is just ending. */
async function startSoon({ start }: { start(): Promise<QueryProcess> }): Promise<QueryProcess> {
  for (let tries = 0; tries < 1000; tries += 1) {
    const started = await start().catch(() => undefined);
    if (started !== undefined) return started;
  }
  throw new Error("no other thread has started");
}
