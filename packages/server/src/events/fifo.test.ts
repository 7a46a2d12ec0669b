import { randomInt } from "node:crypto";

import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { Fifo } from "./fifo.js";

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("push"), count: fc.nat(3000) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("shift"), count: fc.nat(4000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("prepend"), count: fc.nat(10) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("clear"), count: fc.constant(0) }) },
);

describe("a Fifo", () => {
  const seed = randomInt(2 ** 31);
  process.stdout.write(`fifo.test.ts: seed ${String(seed)}\n`);

  it("holds what an array would, whatever is done to it", () => {
    const property = fc.property(fc.array(step, { maxLength: 12 }), fc.nat(10_000), (steps, probe) => {
      const fifo = new Fifo<number>();
      const model: number[] = [];
      let next = 100_000;
      let before = next;
      for (const { kind, count } of steps) {
        if (kind === "clear") {
          fifo.clear();
          model.length = 0;
        } else if (kind === "prepend") {
          const items = Array.from({ length: count }, (_, index) => before - count + index);
          before -= count;
          fifo.prepend(items);
          model.unshift(...items);
        } else {
          for (let i = 0; i < count; i += 1) {
            if (kind === "push") {
              fifo.push(next);
              model.push(next);
              next += 1;
            } else if (fifo.shift() !== model.shift()) throw new Error("another item came out");
          }
        }
        expect([...fifo.range(0)]).toEqual(model);
        expect([fifo.length, fifo.newest, fifo.at(0), fifo.at(probe)]).toEqual([
          model.length,
          model.at(-1),
          model[0],
          model[probe],
        ]);
        const wanted = (item: number): boolean => item >= 100_000 + probe;
        expect(fifo.indexOfFirst(wanted)).toBe(model.filter((item) => !wanted(item)).length);
      }
    });
    fc.assert(property, { seed, numRuns: 100 });
  });
});
