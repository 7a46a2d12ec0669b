import assert from "node:assert/strict";

import type { MethodKind } from "@millrace/shared-types";

import { eventually } from "../eventually.js";
import { within } from "../within.js";
import { KINDS } from "./contract-service.js";
import type { ContractHarness } from "./harness.js";
import type { Scenario } from "./scenario.js";
import { ABORTING } from "./scenarios/aborting.js";
import { BACK_PRESSURE } from "./scenarios/back-pressure.js";
import { DELIVERY } from "./scenarios/delivery.js";
import { DRAIN } from "./scenarios/drain.js";
import { FAILING } from "./scenarios/failing.js";
import { LEAVING } from "./scenarios/leaving.js";
import { NOTHING_LEFT } from "./scenarios/nothing-left.js";
import { RECONNECT } from "./scenarios/reconnect.js";
import { TIME } from "./scenarios/time.js";
import { assertNoMore } from "./until-nothing-lives.js";

/** The part of a test runner that the contract needs: jest, vitest, mocha and node:test have it. */
export interface TestRunner {
  readonly describe: (name: string, body: () => void) => unknown;
  readonly it: (name: string, body: () => Promise<void>) => unknown;
}

/** All scenarios, in the order in which they run. */
export const STREAM_CONTRACT: readonly Scenario[] = [
  ...DELIVERY,
  ...BACK_PRESSURE,
  ...LEAVING,
  ...ABORTING,
  ...TIME,
  ...FAILING,
  ...RECONNECT,
  ...DRAIN,
  ...NOTHING_LEFT,
];

/** The longest that a whole scenario may take, in milliseconds. A scenario that waits for nothing takes far less. */
const SCENARIO_MS = 25_000;

/** One cell of the contract's table. */
export interface ContractCell {
  readonly scenario: Scenario;
  readonly kind: MethodKind;
  /** Why it is not run; `undefined`: it is. */
  readonly whyNot: string | undefined;
}

/** Every scenario with every kind: what is run, and why the rest is not. */
export function streamContractTable({ notHere = {} }: Pick<ContractHarness, "notHere"> = {}): readonly ContractCell[] {
  const names = new Set(STREAM_CONTRACT.map(({ name }) => name));
  for (const name of Object.keys(notHere)) assert.ok(names.has(name), `the contract has no scenario "${name}"`);
  return KINDS.flatMap((kind) =>
    STREAM_CONTRACT.map((scenario) => ({ scenario, kind, whyNot: scenario.notFor[kind] ?? notHere[scenario.name] })),
  );
}

/**
 * Runs one scenario and looks at what it leaves behind.
 *
 * @throws an assertion error that says what does not hold
 */
export async function runScenario(scenario: Scenario, kind: MethodKind, harness: ContractHarness): Promise<void> {
  // An earlier test may have left something that goes away only now: there may be less afterwards.
  const before = harness.leftovers();
  await within(scenario.run(kind, harness), `${scenario.name} (${kind})`, SCENARIO_MS);
  await eventually(() => assertNoMore(harness.leftovers(), before));
}

/**
 * Declares the stream contract as tests: what every transport, client and server of this project
 * promise together, for each of the four kinds of call, seen from both ends. See
 * {@link streamContractTable} for what is not run and why.
 */
export function describeStreamContract({ describe, it }: TestRunner, harness: ContractHarness): void {
  describe(`stream contract: ${harness.name}`, () => {
    for (const kind of KINDS) {
      describe(kind, () => {
        for (const cell of streamContractTable(harness)) {
          if (cell.kind !== kind || cell.whyNot !== undefined) continue;
          it(cell.scenario.name, () => runScenario(cell.scenario, kind, harness));
        }
      });
    }
  });
}
