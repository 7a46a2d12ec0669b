import { Dataset, encodeMessage, type ListDatasetsRequest, type ListDatasetsResponse } from "@millrace/shared-types";

import { loadPage } from "../records/load-page.js";
import { pageLimit } from "../records/page-tokens.js";
import type { CallContext } from "../rpc/call-context.js";

import type { DataDeps } from "./data-deps.js";
import { DATASETS, type DatasetRecord } from "./dataset-record.js";
import { describeDataset } from "./describe-dataset.js";

const SHAPE = "datasets";

/** Lists all datasets in order of name. */
export async function listDatasets(
  { pageSize, pageToken }: ListDatasetsRequest,
  _: CallContext,
  deps: DataDeps,
): Promise<ListDatasetsResponse> {
  const { records, pageTokens } = deps;
  const limit = pageLimit(pageSize);
  const after = pageTokens.positionOf(pageToken, SHAPE);
  const found = await records.scan(DATASETS, { limit: limit + 1, ...(after !== undefined && { after }) });
  const load = ({ value }: { readonly value: string }): Promise<Dataset> =>
    describeDataset(JSON.parse(value) as DatasetRecord, deps);
  const bytesOf = (dataset: Dataset): number => encodeMessage(Dataset, dataset).length;
  const page = await loadPage(found, { limit, load, bytesOf });
  return { datasets: [...page.items], nextPageToken: pageTokens.tokenFor(page.nextAfter, SHAPE) };
}
