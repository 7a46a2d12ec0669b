import { type DeleteDatasetRequest, type DeleteDatasetResponse, ServiceError } from "@millrace/shared-types";

import { putJson, removeRecord, untilCommitted } from "../records/json-records.js";
import type { CallContext } from "../rpc/call-context.js";

import type { DataDeps } from "./data-deps.js";
import { DATASETS, isStanding, loadDataset, newDataset } from "./dataset-record.js";
import { DROPPED, type DroppedRecord } from "./upkeep.js";

/**
 * Deletes a dataset; its items are removed soon after. The datasets that are there always become empty. Listings
 * that are under way end with `RESOURCE_NOT_FOUND`.
 */
export async function deleteDataset(
  { name, allowMissing }: DeleteDatasetRequest,
  _: CallContext,
  { records, clock }: DataDeps,
): Promise<DeleteDatasetResponse> {
  try {
    await untilCommitted(async () => {
      const { version, value } = await loadDataset(records, name, "name");
      const dropped: DroppedRecord = { droppedAt: clock.now() };
      const successor = isStanding(name)
        ? putJson(DATASETS, name, newDataset(name, clock.now()), version)
        : removeRecord(DATASETS, name, version);
      await records.commit([successor, putJson(DROPPED, value.collection, dropped)]);
    });
  } catch (error) {
    const missing = error instanceof ServiceError && error.reason === "RESOURCE_NOT_FOUND";
    if (!missing || !allowMissing) throw error;
  }
  return {};
}
