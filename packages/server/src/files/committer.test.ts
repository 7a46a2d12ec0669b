import { setImmediate } from "node:timers/promises";

import { describe, expect, it } from "@jest/globals";

import { ManualClock } from "../testing/manual-clock.js";

import { Committer } from "./committer.js";

const MIB = 1024 * 1024;

/** A committer whose commits the test ends one by one. */
function openCommitter(): {
  readonly committer: Committer;
  readonly clock: ManualClock;
  /** Commits that have begun. */
  begun(): number;
  end(error?: Error): Promise<void>;
} {
  const clock = new ManualClock();
  let begun = 0;
  let settle: (error?: Error) => void = () => {};
  const commit = (): Promise<void> => {
    begun += 1;
    return new Promise((resolve, reject) => (settle = (error) => (error === undefined ? resolve() : reject(error))));
  };
  const end = async (error?: Error): Promise<void> => {
    settle(error);
    await setImmediate(); // all that follows from it has happened
  };
  return { committer: new Committer(commit, clock), clock, begun: () => begun, end };
}

describe("Committer", () => {
  it("commits once 4 MiB have come in, not before", async () => {
    const { committer, begun, end } = openCommitter();
    for (let mib = 0; mib < 3; mib += 1) committer.wrote(MIB);
    expect(begun()).toBe(0);
    committer.wrote(MIB);
    expect(begun()).toBe(1);
    await end();
    expect(begun()).toBe(1);
  });

  it("commits one second after the first byte", async () => {
    const { committer, clock, begun, end } = openCommitter();
    committer.wrote(1);
    clock.advance(600);
    committer.wrote(1);
    clock.advance(399);
    expect(begun()).toBe(0);
    clock.advance(1);
    expect(begun()).toBe(1);
    await end();
    expect(clock.timers).toBe(0);
  });

  it("commits what came during a commit within a second after it, too", async () => {
    const { committer, clock, begun, end } = openCommitter();
    committer.wrote(4 * MIB);
    committer.wrote(1);
    clock.advance(1000); // while the first one runs
    expect(begun()).toBe(1);
    await end();
    clock.advance(1000);
    expect(begun()).toBe(2);
  });

  it("commits at once after a commit during which 4 MiB came in", async () => {
    const { committer, begun, end } = openCommitter();
    committer.wrote(4 * MIB);
    committer.wrote(4 * MIB);
    expect(begun()).toBe(1);
    await end();
    expect(begun()).toBe(2);
  });

  it("flushes with a commit that began after the last byte", async () => {
    const { committer, begun, end } = openCommitter();
    committer.wrote(4 * MIB);
    committer.wrote(1);
    let flushed = false;
    const flushing = committer.flush().then(() => (flushed = true));
    await end();
    expect([begun(), flushed]).toEqual([2, false]);
    await end();
    await flushing;
  });

  it("throws the failure of a commit to whoever comes next, and commits no more", async () => {
    const { committer, clock, begun, end } = openCommitter();
    committer.wrote(4 * MIB);
    const failure = new Error("disk");
    await end(failure);
    expect(() => committer.wrote(4 * MIB)).toThrow(failure);
    await expect(committer.flush()).rejects.toBe(failure);
    expect([begun(), clock.timers]).toEqual([1, 0]);
  });

  it("leaves no timer when it is closed", async () => {
    const { committer, clock } = openCommitter();
    committer.wrote(1);
    await committer.close();
    expect(clock.timers).toBe(0);
  });
});
