import { type ContractCell, runScenario, streamContractTable } from "./describe-stream-contract.js";
import type { ContractHarness } from "./harness.js";

/** How one cell of the table did over all rounds. */
export interface CellRecord {
  readonly cell: ContractCell;
  readonly passed: number;
  /** What each failed round threw. */
  readonly failures: readonly unknown[];
}

export interface RepeatOptions {
  /** Rounds over the whole table. Default 100. */
  readonly times?: number;
  /** Default: all that the harness runs. */
  readonly cells?: readonly ContractCell[];
  /** Called after each round, with the number of failures so far. */
  readonly onRound?: (round: number, failures: number) => void;
}

/** Runs the stream contract again and again in this process, to find what only happens sometimes. */
export async function repeatStreamContract(
  harness: ContractHarness,
  { times = 100, cells = streamContractTable(harness), onRound }: RepeatOptions = {},
): Promise<readonly CellRecord[]> {
  const records = cells
    .filter(({ whyNot }) => whyNot === undefined)
    .map((cell) => ({ cell, passed: 0, failures: [] as unknown[] }));
  for (let round = 1; round <= times; round++) {
    for (const record of records) {
      const { scenario, kind } = record.cell;
      await runScenario(scenario, kind, harness).then(
        () => record.passed++,
        (error: unknown) => record.failures.push(error),
      );
    }
    onRound?.(
      round,
      records.reduce((sum, { failures }) => sum + failures.length, 0),
    );
  }
  return records;
}
