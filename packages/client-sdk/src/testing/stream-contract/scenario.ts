import type { MethodKind } from "@millrace/shared-types";

import type { ContractHarness } from "./harness.js";

/** One promise of the contract, tried on each kind of call for which it makes sense. */
export interface Scenario {
  /** What must hold. */
  readonly name: string;
  /** Kinds for which it makes no sense, and why. */
  readonly notFor: Readonly<Partial<Record<MethodKind, string>>>;
  /** Resolves if it holds, rejects with an assertion if it does not. */
  readonly run: (kind: MethodKind, harness: ContractHarness) => Promise<void>;
}
