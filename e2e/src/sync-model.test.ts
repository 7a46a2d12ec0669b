import { expect, it } from "@jest/globals";
import { memorySyncStores } from "@millrace/server/testing";

import { runSeed } from "./support/run-seed.js";
import type { History } from "./sync-model/history.js";
import { ModelClock } from "./sync-model/model-clock.js";
import { playHistory } from "./sync-model/play-history.js";
import { playHistories } from "./sync-model.js";

it("replicas converge, lose nothing that was acknowledged and bring nothing back, whatever happens to them", async () => {
  const report = await playHistories({ histories: 250, onDiskEvery: 80, seed: runSeed() | 0 });
  expect(report.histories).toBe(250);
}, 120_000);

it("a replica that did not hear of its own deletion learns of it, though it has been forgotten since", async () => {
  const history: History = {
    policy: "reject",
    skewsMs: [0, 0, 0],
    forgets: true,
    steps: [
      { type: "putAll", replica: 0 },
      { type: "sync", replica: 0 },
      { type: "delete", replica: 0, id: "a" },
      { type: "put", replica: 0, id: "a" },
      { type: "restartServer" },
      { type: "pass", ms: 7_200_000 },
      { type: "vacuum" },
      { type: "putAll", replica: 0 },
      { type: "reopen", replica: 0 },
      { type: "put", replica: 0, id: "a" },
    ],
  };
  const clock = new ModelClock(Date.UTC(2026, 0, 1));
  await using stores = memorySyncStores(clock);
  expect(await playHistory(history, stores, clock)).toEqual([]);
}, 60_000);

it("a replica that has to begin anew while it is connected keeps what it wrote in that session", async () => {
  const history: History = {
    policy: "last-writer-wins",
    skewsMs: [0, 0, 0],
    forgets: true,
    steps: [
      { type: "putAll", replica: 0 },
      { type: "put", replica: 1, id: "b" },
      { type: "delete", replica: 1, id: "b" },
      { type: "put", replica: 0, id: "a" },
      { type: "letRun", turns: 1 },
      { type: "goOnline", replica: 0 },
      { type: "pass", ms: 7_200_000 },
      { type: "vacuum" },
    ],
  };
  for (let play = 0; play < 10; play += 1) {
    const clock = new ModelClock(Date.UTC(2026, 0, 1));
    await using stores = memorySyncStores(clock);
    expect(await playHistory(history, stores, clock)).toEqual([]);
  }
}, 60_000);
