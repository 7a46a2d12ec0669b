import assert from "node:assert/strict";

import { eventually } from "../eventually.js";
import type { ContractStage } from "./harness.js";

/** Waits until no call, handler or timer is left at either end; the connection stays. */
export function untilNothingLives(stage: ContractStage): Promise<void> {
  return eventually(() => {
    const live = stage.live();
    const nothing = Object.fromEntries(Object.keys(live).map((name) => [name, 0]));
    assert.deepEqual(live, nothing, "something is left");
  });
}
