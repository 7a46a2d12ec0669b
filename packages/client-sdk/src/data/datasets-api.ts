import { type Dataset, DatasetServiceDefinition, toDate } from "@millrace/shared-types";

import { present } from "../files/file-info.js";
import { entriesOf } from "../rpc/pages.js";
import { checkCall, checkDeleteDatasetOptions, checkListDatasetsOptions } from "./check-data-options.js";
import type { DataDeps, DatasetsApi } from "./data-api.js";
import type { DatasetInfo, ListDatasetsOptions } from "./types.js";

const SERVICE = DatasetServiceDefinition;

/** The object behind `client.data.datasets`. */
export function createDatasetsApi(deps: DataDeps): DatasetsApi {
  const { rpc } = deps;
  const { createDataset, getDataset, deleteDataset } = SERVICE.methods;
  return {
    async create(name, options = {}) {
      checkCall(options);
      return toDatasetInfo((await rpc.unary(SERVICE, createDataset, { dataset: { name } }, options)).dataset);
    },
    async get(name, options = {}) {
      checkCall(options);
      return toDatasetInfo((await rpc.unary(SERVICE, getDataset, { name }, options)).dataset);
    },
    list: (options = {}) => list(deps, options),
    async delete(name, options = {}) {
      checkDeleteDatasetOptions(options);
      const { allowMissing = false, ...call } = options;
      await rpc.unary(SERVICE, deleteDataset, { name, allowMissing }, call);
    },
  };
}

/** Fetches one page at a time, when the loop gets there; holds one page. Each loop begins anew. */
function list({ rpc }: DataDeps, options: ListDatasetsOptions): AsyncIterable<DatasetInfo> {
  checkListDatasetsOptions(options);
  return entriesOf(options, async (page, call) => {
    const answer = await rpc.unary(SERVICE, SERVICE.methods.listDatasets, page, call);
    return { entries: answer.datasets.map(toDatasetInfo), nextPageToken: answer.nextPageToken };
  });
}

function toDatasetInfo(dataset: Dataset | undefined): DatasetInfo {
  const { name, itemCount, sizeBytes, createTime, version } = present(dataset, "dataset");
  const createdAt = toDate(present(createTime, "dataset.create_time"));
  return { name, itemCount, sizeBytes, createdAt, version };
}
