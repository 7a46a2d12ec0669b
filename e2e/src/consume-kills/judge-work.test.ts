import { describe, expect, it } from "@jest/globals";

import { judgeWork } from "./judge-work.js";
import type { WorkItem, WorkLine } from "./work.js";

const items: readonly WorkItem[] = [
  { n: 0, task: "succeed", ms: 0 },
  { n: 1, task: "park", ms: 0 },
  { n: 2, task: "fail once", ms: 0 },
];

let at = 0;
const line = (what: WorkLine["what"], n: number, attempt = 1): WorkLine => ({
  what,
  n,
  key: "k",
  sequence: n + 1,
  attempt,
  at: String(at++),
});

const good = [
  line("started", 0),
  line("succeeded", 0),
  line("started", 1),
  line("parked", 1),
  line("started", 2),
  line("failed", 2),
  line("started", 2, 2),
  line("succeeded", 2, 2),
];

describe("judgeWork", () => {
  it("counts what was done", () => {
    const expected = { succeeded: 2, parked: 1, redeliveries: 1, lost: 0, outOfOrder: 0 };
    expect(judgeWork(items, good)).toEqual(expected);
    expect(judgeWork(items, good.toReversed())).toEqual(expected);
  });

  it("finds what nobody finished", () => {
    expect(judgeWork(items, good.slice(0, -1))).toMatchObject({ lost: 1 });
  });

  it("finds an event that comes after a later one of its key", () => {
    expect(judgeWork(items, [...good, line("started", 0, 2)])).toMatchObject({ outOfOrder: 1 });
  });

  it("lets events of different keys overtake each other", () => {
    const other = { ...line("started", 0, 2), key: "another" };
    expect(judgeWork(items, [...good, other])).toMatchObject({ outOfOrder: 0 });
  });
});
