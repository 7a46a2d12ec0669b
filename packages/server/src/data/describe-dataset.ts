import { type Dataset, timestampOfMs } from "@millrace/shared-types";

import type { DataDeps } from "./data-deps.js";
import type { DatasetRecord } from "./dataset-record.js";

/** A dataset as callers see it. */
export async function describeDataset(
  { name, collection, createdAt }: DatasetRecord,
  { items }: Pick<DataDeps, "items">,
): Promise<Dataset> {
  const { rows: itemCount, dataBytes: sizeBytes, version } = await items.size(collection);
  return { name, itemCount, sizeBytes, version, createTime: timestampOfMs(createdAt) };
}
