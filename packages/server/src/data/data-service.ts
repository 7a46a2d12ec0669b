import type {
  DatasetServiceDefinition,
  ServiceHandlers,
  StreamingServiceDefinition,
  StreamServiceDefinition,
} from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import { createDataset } from "./create-dataset.js";
import type { DataDeps } from "./data-deps.js";
import { deleteDataset } from "./delete-dataset.js";
import { getData } from "./get-data.js";
import { getDataset } from "./get-dataset.js";
import { listBatches } from "./list-batches.js";
import { listDatasets } from "./list-datasets.js";
import { listItems } from "./list-items.js";
import { listLargeDataset } from "./list-large-dataset.js";
import { mutateItems } from "./mutate-items.js";
import { uploadItems } from "./upload-items.js";

/** Handlers of DatasetService. */
export function dataService(deps: DataDeps): ServiceHandlers<typeof DatasetServiceDefinition, CallContext> {
  return {
    createDataset: (request, context) => createDataset(request, context, deps),
    getDataset: (request, context) => getDataset(request, context, deps),
    listDatasets: (request, context) => listDatasets(request, context, deps),
    deleteDataset: (request, context) => deleteDataset(request, context, deps),
    mutateItems: (request, context) => mutateItems(request, context, deps),
    listBatches: (request, context) => listBatches(request, context, deps),
  };
}

/** Handlers of the two RPCs of StreamingService that read datasets. */
export function dataStreams(
  deps: DataDeps,
): Pick<ServiceHandlers<typeof StreamingServiceDefinition, CallContext>, "getData" | "listLargeDataset"> {
  return {
    getData: (request, context) => getData(request, context, deps),
    listLargeDataset: (request, context) => listLargeDataset(request, context, deps),
  };
}

/** Handlers of the two RPCs of StreamService that carry items. */
export function itemStreams(
  deps: DataDeps,
): Pick<ServiceHandlers<typeof StreamServiceDefinition, CallContext>, "listItems" | "uploadItems"> {
  return {
    listItems: (request, context) => listItems(request, context, deps),
    uploadItems: (requests, context) => uploadItems(requests, context, deps),
  };
}
