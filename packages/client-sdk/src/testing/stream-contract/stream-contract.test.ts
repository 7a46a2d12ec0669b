import { describe, expect, it } from "@jest/globals";

import { faulty } from "../fault-transport.js";
import { KINDS } from "./contract-service.js";
import { describeStreamContract, STREAM_CONTRACT, streamContractTable } from "./describe-stream-contract.js";
import { createInMemoryHarness } from "./in-memory-harness.js";

describeStreamContract({ describe, it }, createInMemoryHarness());
describeStreamContract({ describe, it }, createInMemoryHarness("through a fault transport without faults", faulty));

describe("the table of the stream contract", () => {
  it("runs every scenario with every kind, or says why not", () => {
    const table = streamContractTable();
    expect(table).toHaveLength(STREAM_CONTRACT.length * KINDS.length);
    const left = table.filter(({ whyNot }) => whyNot !== undefined);
    for (const { whyNot } of left) expect(whyNot?.length).toBeGreaterThan(20);
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
