import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { numbered, openBatchFixture, run, TestProcessor } from "./batch-fixture.test.support.js";

describe("items with an ordering key", () => {
  it("run one after the other and in order, each after the outcome of the one before is durable", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({ key: fc.constantFrom("", "a", "b", "c"), turns: fc.nat({ max: 3 }), fails: fc.boolean() }),
          {
            maxLength: 40,
          },
        ),
        fc.integer({ min: 1, max: 16 }),
        async (plan, maxConcurrency) => {
          // What a processor throws fails its item only.
          const violations: string[] = [];
          const durable = new Set<number>();
          const running = new Set<string>();
          const orders = new Map<string, number[]>();
          const test = new TestProcessor(async ({ text }) => {
            const index = Number(text);
            const { key = "", turns = 0, fails = false } = plan[index] ?? {};
            const before = plan.findLastIndex((other, at) => at < index && other.key === key);
            if (key !== "" && before !== -1 && !durable.has(before))
              violations.push(`${text} before ${String(before)}`);
            if (key !== "" && running.has(key)) violations.push(`${text} beside another of ${key}`);
            running.add(key);
            orders.set(key, [...(orders.get(key) ?? []), index]);
            for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
            running.delete(key);
            if (fails) throw new Error("failed");
            return "";
          });
          await using fixture = await openBatchFixture(test);
          const commits = fixture.items.commit.bind(fixture.items);
          fixture.items.commit = async (mutations, options) => {
            for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve)); // a disk takes its time
            const result = await commits(mutations, options);
            for (const { collection, put } of mutations) {
              if (collection.startsWith("batch/results/")) durable.add(Number(put?.key.split("/").at(-1)));
            }
            return result;
          };
          const items = numbered(plan.length).map((item, n) => ({ ...item, orderingKey: plan[n]?.key ?? "" }));
          const { results } = await run(fixture, items, { maxConcurrency });
          expect(violations).toEqual([]);
          expect(results).toHaveLength(plan.length);
          expect(durable.size).toBe(plan.length);
          for (const [key, order] of orders) if (key !== "") expect(order).toEqual(order.toSorted((a, b) => a - b));
        },
      ),
      { numRuns: 30 },
    );
  });

  it("do not hold up those with another key, or without one", async () => {
    let release = (): void => {};
    const test = new TestProcessor(async ({ text }) => {
      if (text === "0") await new Promise<void>((resolve) => (release = resolve));
      if (text === "3") release();
      return "";
    });
    await using fixture = await openBatchFixture(test);
    const keys = ["a", "a", "b", ""];
    await run(
      fixture,
      numbered(4).map((item, n) => ({ ...item, orderingKey: keys[n] ?? "" })),
      { maxConcurrency: 2 },
    );
    expect(test.texts).toEqual(["0", "2", "3", "1"]);
  });
});
