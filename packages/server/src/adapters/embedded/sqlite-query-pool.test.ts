import { setImmediate as turn } from "node:timers/promises";

import { expect, it } from "@jest/globals";

import { QueryPool } from "./sqlite-query-pool.js";
import type { QueryProcess } from "./sqlite-query-process.js";

/** What the pool knows of a process. */
function fakeProcess(): QueryProcess {
  const { promise: gone, resolve } = Promise.withResolvers<void>();
  return { gone, hasEnded: false, kill: resolve } as Partial<QueryProcess> as QueryProcess;
}

it("starts one process in a turn of the event loop, however many are wanted, and all of them in the end", async () => {
  let inThisTurn = 0;
  const inTurns: number[] = [];
  const start = async (): Promise<QueryProcess> => {
    if (inThisTurn === 0) {
      setImmediate(() => {
        inTurns.push(inThisTurn);
        inThisTurn = 0;
      });
    }
    inThisTurn += 1;
    return turn().then(fakeProcess);
  };
  await using pool = new QueryPool({ start, maxProcesses: 8 });
  const { signal } = new AbortController();
  const lent = await Promise.all(Array.from({ length: 5 }, () => pool.acquire("caller", signal)));
  expect(new Set(lent.map(({ process }) => process)).size).toBe(5);
  expect(inTurns).toEqual([1, 1, 1, 1, 1]);
});
