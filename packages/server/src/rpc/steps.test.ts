import { describe, expect, test } from "@jest/globals";

import { latch } from "../testing/latch.js";
import { pump } from "./pump.js";
import { type Steps, StepStream } from "./steps.js";

const never = new AbortController().signal;

/** Steps with what a test wants to look at. */
interface TestSteps<T> extends Steps<T> {
  readonly isClosed: boolean;
}

function stepsOf<T>(next: () => T | undefined | Promise<T | undefined>): TestSteps<T> {
  let isClosed = false;
  return {
    next,
    get isClosed() {
      return isClosed;
    },
    [Symbol.dispose]() {
      isClosed = true;
    },
  };
}

const streamOf = <T>(steps: Steps<T>): StepStream<T> => new StepStream(() => Promise.resolve(steps));

/** 0 to `to`, each third of them later. */
function counting(to: number): TestSteps<number> {
  let n = 0;
  return stepsOf(() => {
    if (n === to) return undefined;
    return n++ % 3 === 2 ? Promise.resolve(n - 1) : n - 1;
  });
}

describe("steps", () => {
  test("are handed over in order, whether they are at hand or not, and closed at the end", async () => {
    const steps = counting(100);
    const got: number[] = [];
    await pump(streamOf(steps), (n) => void got.push(n), never);
    expect(got).toEqual(Array.from({ length: 100 }, (_, n) => n));
    expect(steps.isClosed).toBe(true);
  });

  test("that are at hand are handed over in one go", async () => {
    const resting = latch<number | undefined>();
    const items = [1, 2, 3];
    const got: number[] = [];
    const steps = stepsOf(() => items.shift() ?? resting.promise);
    const pumping = pump(streamOf(steps), (n) => void got.push(n), never);
    await Promise.resolve();
    expect(got).toEqual([1, 2, 3]);
    resting.open(undefined);
    await pumping;
  });

  test("are not asked for while the sink is full", async () => {
    const room = latch();
    let asked = 0;
    const steps = stepsOf(() => (++asked < 5 ? asked : undefined));
    const pumping = pump(streamOf(steps), (n) => (n === 2 ? room.promise : undefined), never);
    await new Promise((resolve) => setImmediate(resolve));
    expect(asked).toBe(2);
    room.open();
    await pumping;
    expect(asked).toBe(5);
  });

  test.each([
    [
      "at once",
      () => {
        throw new Error("disk on fire");
      },
    ],
    ["later", () => Promise.reject(new Error("disk on fire"))],
  ])("are closed when they fail %s", async (_, next: () => Promise<number>) => {
    const steps = stepsOf(next);
    await expect(pump(streamOf(steps), () => undefined, never)).rejects.toThrow("disk on fire");
    expect(steps.isClosed).toBe(true);
  });

  test("are closed before it settles when the sink fails", async () => {
    const steps = counting(10);
    await expect(pump(streamOf(steps), () => Promise.reject(new Error("peer gone")), never)).rejects.toThrow(
      "peer gone",
    );
    expect(steps.isClosed).toBe(true);
  });

  test("end with the reason of an abort, whatever they end with", async () => {
    const stop = new AbortController();
    const resting = latch<undefined>();
    const steps = stepsOf<number>(() => resting.promise);
    const pumping = pump(streamOf(steps), () => undefined, stop.signal);
    stop.abort(new Error("enough"));
    resting.open(undefined);
    await expect(pumping).rejects.toThrow("enough");
    expect(steps.isClosed).toBe(true);
  });

  test("go no further after an abort", async () => {
    const stop = new AbortController();
    const got: number[] = [];
    const pumping = pump(
      streamOf(counting(100)),
      (n) => {
        got.push(n);
        if (n === 3) stop.abort(new Error("enough"));
        return undefined;
      },
      stop.signal,
    );
    await expect(pumping).rejects.toThrow("enough");
    expect(got).toEqual([0, 1, 2, 3]);
  });

  test("are not opened after an abort", async () => {
    let isOpened = false;
    const source = new StepStream<number>(() => {
      isOpened = true;
      return Promise.resolve(counting(1));
    });
    await expect(pump(source, () => undefined, AbortSignal.abort(new Error("late")))).rejects.toThrow("late");
    expect(isOpened).toBe(false);
  });

  test("can be read as any stream, and are closed when the reader leaves", async () => {
    const [whole, left] = [counting(5), counting(5)];
    const got: number[] = [];
    for await (const n of streamOf(whole)) got.push(n);
    for await (const n of streamOf(left)) if (n === 1) break;
    expect(got).toEqual([0, 1, 2, 3, 4]);
    expect([whole.isClosed, left.isClosed]).toEqual([true, true]);
  });
});
