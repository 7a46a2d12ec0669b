import { setImmediate as turn } from "node:timers/promises";

import { describe, expect, it } from "@jest/globals";

import { type Latch, latch } from "../testing/latch.js";
import { ManualClock } from "../testing/manual-clock.js";
import { RecordingLogger } from "../testing/recording-logger.js";

import { type Round, Rounds } from "./rounds.js";

function openRounds(round: Round) {
  const clock = new ManualClock();
  const logger = new RecordingLogger();
  const rounds = new Rounds({ clock, logger, periodMs: 1000, what: "tidying" }, round);
  return { clock, logger, rounds };
}

/** Counts the rounds; each gives the next of `results`, then `false`. */
function counting(...results: readonly unknown[]): { readonly round: Round; readonly count: () => number } {
  let count = 0;
  return { round: async () => results[count++] ?? false, count: () => count };
}

describe("rounds", () => {
  it("begin at once, and then once a period after the one before has ended", async () => {
    const { round, count } = counting();
    const { rounds, clock } = openRounds(round);
    await using _ = rounds;
    rounds.start();
    await turn();
    expect(count()).toBe(1);
    clock.advance(999);
    await turn();
    expect(count()).toBe(1);
    clock.advance(1);
    await turn();
    expect(count()).toBe(2);
  });

  it("begin later, if that is asked for", async () => {
    const { round, count } = counting();
    const { rounds, clock } = openRounds(round);
    await using _ = rounds;
    rounds.startIn(500);
    await turn();
    expect(count()).toBe(0);
    clock.advance(500);
    expect(count()).toBe(1);
  });

  it("follow each other at once while there is more to do", async () => {
    const { round, count } = counting(true, true, false);
    const { rounds, clock } = openRounds(round);
    await using _ = rounds;
    rounds.start();
    for (let n = 0; n < 5; n += 1) {
      await turn();
      clock.advance(0);
    }
    expect(count()).toBe(3);
  });

  it("go on after one that failed, of which the log is told", async () => {
    let count = 0;
    const { rounds, clock, logger } = openRounds(async () => {
      count += 1;
      if (count === 1) throw new Error("no disk");
    });
    await using _ = rounds;
    rounds.start();
    await turn();
    expect(logger.lines).toMatchObject([{ level: "warn", message: "tidying failed; trying again later" }]);
    clock.advance(1000);
    await turn();
    expect(count).toBe(2);
  });

  it("end with the one under way, which is told, and leave no timer", async () => {
    const begun: Latch = latch();
    const ended: Latch = latch();
    let stopped = false;
    const { rounds, clock } = openRounds(async (isStopped) => {
      begun.open();
      await ended.promise;
      stopped = isStopped();
    });
    rounds.start();
    await begun.promise;
    const disposing = rounds[Symbol.asyncDispose]();
    ended.open();
    await disposing;
    expect(stopped).toBe(true);
    expect(clock.timers).toBe(0);
  });
});
