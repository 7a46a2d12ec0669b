import { describe, expect, test } from "@jest/globals";

import { latch } from "../testing/latch.js";
import { pump } from "./pump.js";

const never = new AbortController().signal;

async function* counting(to: number, onClosed: () => void = () => {}): AsyncGenerator<number> {
  try {
    for (let n = 0; n < to; n++) yield await Promise.resolve(n);
  } finally {
    onClosed();
  }
}

describe("pump", () => {
  test("hands over every item in order", async () => {
    const got: number[] = [];
    await pump(counting(100), (n) => void got.push(n), never);
    expect(got).toEqual(Array.from({ length: 100 }, (_, n) => n));
  });

  test("asks for the next item only when the sink has room", async () => {
    const room = latch();
    let made = 0;
    const source = (async function* (): AsyncGenerator<number> {
      while (made < 5) yield await Promise.resolve(++made);
    })();
    const pumping = pump(source, (n) => (n === 2 ? room.promise : undefined), never);
    await new Promise((resolve) => setImmediate(resolve));
    expect(made).toBe(2);
    room.open();
    await pumping;
    expect(made).toBe(5);
  });

  test("settles with the source's error", async () => {
    const source = (async function* (): AsyncGenerator<number> {
      yield await Promise.resolve(1);
      throw new Error("disk on fire");
    })();
    await expect(pump(source, () => undefined, never)).rejects.toThrow("disk on fire");
  });

  test("closes the source before it settles, when the sink fails", async () => {
    let closed = false;
    const source = counting(10, () => (closed = true));
    const pumping = pump(source, () => Promise.reject(new Error("peer gone")), never);
    await expect(pumping).rejects.toThrow("peer gone");
    expect(closed).toBe(true);
  });

  test("an abort closes the source at its yield and throws the reason", async () => {
    const stop = new AbortController();
    let closed = false;
    const pumping = pump(
      counting(Infinity, () => (closed = true)),
      (n) => void (n === 3 && stop.abort(new Error("enough"))),
      stop.signal,
    );
    await expect(pumping).rejects.toThrow("enough");
    expect(closed).toBe(true);
  });

  test("an abort interrupts a source that can be interrupted", async () => {
    const stop = new AbortController();
    const returned = latch<IteratorResult<number>>();
    const iterator: AsyncIterator<number> = {
      next: () => returned.promise,
      return: async () => {
        returned.open({ done: true, value: undefined });
        return returned.promise;
      },
    };
    const pumping = pump({ [Symbol.asyncIterator]: () => iterator }, () => undefined, stop.signal);
    stop.abort(new Error("enough"));
    await expect(pumping).rejects.toThrow("enough");
  });

  test("does not start a source after an abort", async () => {
    let started = false;
    const source = (async function* (): AsyncGenerator<number> {
      started = true;
      yield await Promise.resolve(1);
    })();
    await expect(pump(source, () => undefined, AbortSignal.abort(new Error("late")))).rejects.toThrow("late");
    expect(started).toBe(false);
  });
});
