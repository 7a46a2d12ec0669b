import {
  type CreateDatasetRequest,
  type CreateDatasetResponse,
  invalidField,
  ServiceError,
} from "@millrace/shared-types";

import { VersionConflict } from "../ports/record-store.js";
import { putJson } from "../records/json-records.js";
import type { CallContext } from "../rpc/call-context.js";

import type { DataDeps } from "./data-deps.js";
import { checkDatasetName, DATASETS, newDataset } from "./dataset-record.js";
import { describeDataset } from "./describe-dataset.js";

/**
 * Makes a dataset without items.
 *
 * @throws ServiceError `RESOURCE_EXISTS`
 */
export async function createDataset(
  { dataset }: CreateDatasetRequest,
  _: CallContext,
  deps: DataDeps,
): Promise<CreateDatasetResponse> {
  if (dataset === undefined) throw invalidField("dataset", "must be set");
  checkDatasetName("dataset.name", dataset.name);
  const created = newDataset(dataset.name, deps.clock.now());
  try {
    await deps.records.commit([putJson(DATASETS, created.name, created, 0)]);
  } catch (error) {
    throw error instanceof VersionConflict ? datasetExists(created.name) : error;
  }
  return { dataset: await describeDataset(created, deps) };
}

function datasetExists(name: string): ServiceError {
  return new ServiceError("RESOURCE_EXISTS", `there is a dataset ${JSON.stringify(name)} already`, {
    metadata: { resource_type: "dataset", resource_name: name },
  });
}
