import { type GetDataRequest, type GetDataResponse, invalidField, resourceNotFound } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import type { DataDeps } from "./data-deps.js";
import { DEFAULT_DATASET, loadDataset } from "./dataset-record.js";
import { fieldTreeOf } from "./field-tree.js";
import { toDataItem } from "./item-message.js";
import { selected } from "./listing.js";

/** One item, as it is now. */
export async function getData(
  request: GetDataRequest,
  _: CallContext,
  { records, items }: DataDeps,
): Promise<GetDataResponse> {
  if (request.item === undefined) throw invalidField("item", "must be set: id or key");
  const fields = fieldTreeOf("fields", request.fields);
  const { value: dataset } = await loadDataset(records, request.dataset || DEFAULT_DATASET);
  const row = await items.get(dataset.collection, wantedOf(request.item));
  if (row === undefined) throw resourceNotFound("item", request.item.value);
  if (row.version === request.ifVersionNotMatch) return { item: undefined, notModified: true };
  return { item: toDataItem(selected(row, fields)), notModified: false };
}

function wantedOf({ $case, value }: NonNullable<GetDataRequest["item"]>): Parameters<DataDeps["items"]["get"]>[1] {
  return $case === "id" ? { id: value } : { key: value };
}
