import { ServiceError } from "@millrace/shared-types";

import { SnapshotExpired } from "../../ports/item-store.js";

import type { ItemFailure } from "./sqlite-item-protocol.js";

/** What callers of the store are told about a failure in one of its threads. */
export function itemErrorOf(failure: ItemFailure): Error {
  switch (failure.kind) {
    case "expired":
      return new SnapshotExpired(failure.version, failure.oldestVersion);
    case "full":
      return new ServiceError("QUOTA_EXCEEDED", "the disk of the server is full", { cause: failure.message });
    case "damaged":
      return new ServiceError("CORRUPT_DATA", `the items are damaged: ${failure.message}`);
    case "unavailable":
      return itemsUnavailable(failure.message);
  }
}

export function itemsUnavailable(cause: unknown): ServiceError {
  return new ServiceError("BACKEND_UNAVAILABLE", "the server cannot use its items", { cause, retryAfterMs: 1000 });
}
