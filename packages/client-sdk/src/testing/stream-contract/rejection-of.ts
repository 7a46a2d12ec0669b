import assert from "node:assert/strict";

import type { StreamingError } from "../../errors.js";

/** What `work` rejects with; an assertion error if it does not reject. */
export function rejectionOf(work: Promise<unknown>): Promise<StreamingError> {
  return work.then(
    () => assert.fail("the call succeeded, it should have failed"),
    (error: unknown) => error as StreamingError,
  );
}
