import { describe, expect, it } from "@jest/globals";

import { KINDS } from "./contract-service.js";
import { describeStreamContract, STREAM_CONTRACT, streamContractTable } from "./describe-stream-contract.js";
import { inMemoryHarness } from "./in-memory-harness.js";

describeStreamContract({ describe, it }, inMemoryHarness);

describe("the table of the stream contract", () => {
  it("runs every scenario with every kind, or says why not", () => {
    const table = streamContractTable();
    expect(table).toHaveLength(STREAM_CONTRACT.length * KINDS.length);
    const skipped = table.filter(({ whyNot }) => whyNot !== undefined);
    for (const { whyNot } of skipped) expect(whyNot?.length).toBeGreaterThan(20);
    // A scenario that no kind runs promises nothing.
    for (const scenario of STREAM_CONTRACT) expect(Object.keys(scenario.notFor).length).toBeLessThan(KINDS.length);
  });

  it("has no two scenarios of one name", () => {
    expect(new Set(STREAM_CONTRACT.map(({ name }) => name)).size).toBe(STREAM_CONTRACT.length);
  });

  it("refuses a harness that leaves out what does not exist", () => {
    expect(() => streamContractTable({ notHere: { "slow raeder": "a typo" } })).toThrow('no scenario "slow raeder"');
  });
});
