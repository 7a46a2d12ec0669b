import { type Dataset, DatasetServiceDefinition, toDate } from "@millrace/shared-types";

import { present } from "../files/file-info.js";
import { PullIterator } from "../rpc/pull-iterator.js";
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
function list(deps: DataDeps, options: ListDatasetsOptions): AsyncIterable<DatasetInfo> {
  checkListDatasetsOptions(options);
  return {
    [Symbol.asyncIterator]() {
      const left = new AbortController();
      const signal = options.signal ? AbortSignal.any([options.signal, left.signal]) : left.signal;
      const datasets = datasetsOf(deps, { ...options, signal });
      return new PullIterator(
        async () => (await datasets.next()).value,
        () => left.abort(),
      );
    },
  };
}

async function* datasetsOf(
  { rpc }: DataDeps,
  { pageSize = 0, ...call }: ListDatasetsOptions,
): AsyncGenerator<DatasetInfo, undefined, undefined> {
  let pageToken = "";
  do {
    const page = await rpc.unary(SERVICE, SERVICE.methods.listDatasets, { pageSize, pageToken }, call);
    yield* page.datasets.map(toDatasetInfo);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
}

function toDatasetInfo(dataset: Dataset | undefined): DatasetInfo {
  const { name, itemCount, sizeBytes, createTime, version } = present(dataset, "dataset");
  const createdAt = toDate(present(createTime, "dataset.create_time"));
  return { name, itemCount, sizeBytes, createdAt, version };
}
