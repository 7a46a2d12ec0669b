import { describe, expect, it } from "@jest/globals";

import { streamContractTable } from "./describe-stream-contract.js";
import { createInMemoryHarness } from "./in-memory-harness.js";
import { repeatStreamContract } from "./repeat-stream-contract.js";
import type { Scenario } from "./scenario.js";

const inMemoryHarness = createInMemoryHarness();

describe("repeating the stream contract", () => {
  it("tells for each cell how often it passed and why it did not", async () => {
    let runs = 0;
    const flaky: Scenario = {
      name: "flaky",
      notFor: {},
      run: () => (++runs % 3 === 0 ? Promise.reject(new Error(`run ${String(runs)}`)) : Promise.resolve()),
    };
    const cell = { scenario: flaky, kind: "unary", whyNot: undefined } as const;
    const left = { scenario: flaky, kind: "unary", whyNot: "not a part of this test" } as const;
    const rounds: number[] = [];
    const records = await repeatStreamContract(inMemoryHarness, {
      times: 7,
      cells: [cell, left],
      onRound: (_round, failures) => rounds.push(failures),
    });
    expect(records).toEqual([{ cell, passed: 5, failures: [new Error("run 3"), new Error("run 6")] }]);
    expect(rounds).toEqual([0, 0, 1, 1, 1, 2, 2]);
  });

  it("passes five rounds in memory", async () => {
    const cells = streamContractTable(inMemoryHarness).filter(
      ({ scenario }) => !scenario.name.startsWith("slow reader"),
    );
    const records = await repeatStreamContract(inMemoryHarness, { times: 5, cells });
    expect(records.flatMap(({ failures }) => failures)).toEqual([]);
  });
});
