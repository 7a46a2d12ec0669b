import assert from "node:assert/strict";

import { eventually } from "../eventually.js";
import type { ContractStage, LiveCounts } from "./harness.js";

/**
 * Waits until no more lives at either end than `before`, which was taken when the connection was there:
 * a connection may have timers of its own.
 */
export function untilNothingLives(stage: ContractStage, before: LiveCounts): Promise<void> {
  return eventually(() => assertNoMore(stage.live(), before));
}

/** @throws an assertion error that names what there is more of than before */
export function assertNoMore(now: LiveCounts, before: LiveCounts): void {
  for (const [name, count] of Object.entries(now)) {
    const was = before[name] ?? 0;
    assert.ok(count <= was, `something is left: ${String(count)} ${name}, before ${String(was)}`);
  }
}
