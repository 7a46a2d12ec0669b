import { setImmediate as turn } from "node:timers/promises";

import { expect, it } from "@jest/globals";

import { QueryPool } from "./sqlite-query-pool.js";
import type { QueryProcess } from "./sqlite-query-process.js";

/** What the pool knows of a process. */
function fakeProcess(): QueryProcess {
  const { promise: gone, resolve } = Promise.withResolvers<void>();
  return { gone, hasEnded: false, kill: resolve } as Partial<QueryProcess> as QueryProcess;
}

it("starts as many processes as are wanted at the same time, up to its bound", async () => {
  let starting = 0;
  let most = 0;
  const start = async (): Promise<QueryProcess> => {
    starting += 1;
    most = Math.max(most, starting);
    await turn();
    starting -= 1;
    return fakeProcess();
  };
  await using pool = new QueryPool({ start, maxProcesses: 3 });
  const { signal } = new AbortController();
  const first = await Promise.all(Array.from({ length: 3 }, () => pool.acquire("caller", signal)));
  expect([new Set(first.map(({ process }) => process)).size, most]).toEqual([3, 3]);
  const second = [pool.acquire("caller", signal), pool.acquire("caller", signal)];
  for (const lent of first) lent.release();
  expect(await Promise.all(second.map(async (lent) => (await lent).process))).toEqual([
    first[0]?.process,
    first[1]?.process,
  ]);
  expect(pool.size).toBe(3);
});
