import type { GetDatasetRequest, GetDatasetResponse } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import type { DataDeps } from "./data-deps.js";
import { loadDataset } from "./dataset-record.js";
import { describeDataset } from "./describe-dataset.js";

/** What is known of a dataset. */
export async function getDataset(
  { name }: GetDatasetRequest,
  _: CallContext,
  deps: DataDeps,
): Promise<GetDatasetResponse> {
  const { value } = await loadDataset(deps.records, name, "name");
  return { dataset: await describeDataset(value, deps) };
}
