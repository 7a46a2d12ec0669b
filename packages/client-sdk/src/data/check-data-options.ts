import { MAX_MUTATION_BYTES, MAX_MUTATIONS } from "@millrace/shared-types";

import { CALL_NAMES, RESUME_NAMES } from "../check-options.js";
import { checkText, checkTextMap, checkTexts } from "../check-text.js";
import type { CallOptions } from "../options.js";
import { checkJson } from "../json-bytes.js";
import { checkNames, type NamesOf } from "../option-names.js";
import type {
  ChangeItemOptions,
  DeleteDatasetOptions,
  GetItemOptions,
  ImportOptions,
  ItemMutation,
  ListDatasetsOptions,
  ListItemsOptions,
  MutateOptions,
  OutgoingItem,
  WriteItemOptions,
} from "./types.js";

const ITEM: NamesOf<OutgoingItem> = {
  key: "any",
  id: "any",
  data: "any",
  json: "any",
  contentType: "any",
  attributes: "any",
  name: "any",
};

const MUTATION = { put: "any", delete: "any", ifVersionMatch: "number" } as const;

const GET: NamesOf<GetItemOptions> = { ...CALL_NAMES, dataset: "any", fields: "any", ifVersionNotMatch: "number" };

const LIST: NamesOf<ListItemsOptions> = {
  signal: "any",
  headers: "any",
  idleTimeoutMs: "number",
  dataset: "any",
  from: "any",
  limit: "number",
  filter: "any",
  fields: "any",
  prefix: "any",
  startKey: "any",
  endKey: "any",
  descending: "any",
  keysOnly: "any",
  consistency: "any",
  batchBytes: "number",
  resume: RESUME_NAMES,
};

const WRITE: NamesOf<WriteItemOptions> = {
  signal: "any",
  headers: "any",
  timeoutMs: "number",
  dataset: "any",
  resume: RESUME_NAMES,
};

const CHANGE: NamesOf<ChangeItemOptions> = { ...WRITE, ifVersionMatch: "number" };

const MUTATE: NamesOf<MutateOptions> = { ...WRITE, atomic: "any", idempotencyKey: "any" };

const IMPORT: NamesOf<ImportOptions> = {
  signal: "any",
  headers: "any",
  dataset: "any",
  maxBatchItems: "number",
  maxBatchBytes: "number",
  maxInFlight: "number",
  onProgress: "any",
  onRejected: "any",
  resume: RESUME_NAMES,
};

const LIST_DATASETS: NamesOf<ListDatasetsOptions> = { ...CALL_NAMES, pageSize: "number" };

const DELETE_DATASET: NamesOf<DeleteDatasetOptions> = { ...CALL_NAMES, allowMissing: "any" };

const MAX_BATCHES_IN_FLIGHT = 64;

/** Refuses an item as {@link checkNames} does, texts that would be stored as others, and one with two contents. */
export function checkItem(item: OutgoingItem): void {
  checkNames(item, ITEM);
  const { key, name, contentType, attributes } = item;
  checkTexts({ key, name, contentType });
  checkTextMap("attribute", attributes);
  if (item.json !== undefined && item.data !== undefined) throw new TypeError("an item has data or json, not both");
  checkJson(item, item.data);
}

/** Refuses a change as {@link checkNames} does, and one that is none, or two. */
export function checkMutation(mutation: ItemMutation): void {
  checkNames(mutation, MUTATION);
  if ((mutation.put === undefined) === (mutation.delete === undefined)) {
    throw new TypeError("a mutation has either 'put' or 'delete'");
  }
  checkTexts({ delete: mutation.delete });
}

/** Another text would be another item. */
export function checkKey(key: string): void {
  checkText("'key'", key);
}

export function checkGetOptions(options: GetItemOptions): void {
  checkNames(options, GET);
}

export function checkListOptions(options: ListItemsOptions): void {
  checkNames(options, LIST);
  assertInteger("limit", options.limit, 1, Number.MAX_SAFE_INTEGER);
  const { prefix, startKey, endKey, consistency } = options;
  checkTexts({ prefix, startKey, endKey });
  if (consistency !== undefined && consistency !== "snapshot" && consistency !== "eventual") {
    throw new TypeError(`option 'consistency' is ${JSON.stringify(consistency)}, not "snapshot" or "eventual"`);
  }
}

export function checkChangeOptions(options: ChangeItemOptions): void {
  checkNames(options, CHANGE);
}

export function checkMutateOptions(options: MutateOptions): void {
  checkNames(options, MUTATE);
  checkTexts({ idempotencyKey: options.idempotencyKey });
}

export function checkImportOptions(options: ImportOptions<never>): void {
  checkNames(options, IMPORT);
  assertInteger("maxBatchItems", options.maxBatchItems, 1, MAX_MUTATIONS);
  assertInteger("maxBatchBytes", options.maxBatchBytes, 1, MAX_MUTATION_BYTES);
  assertInteger("maxInFlight", options.maxInFlight, 1, MAX_BATCHES_IN_FLIGHT);
}

export function checkListDatasetsOptions(options: ListDatasetsOptions): void {
  checkNames(options, LIST_DATASETS);
}

export function checkDeleteDatasetOptions(options: DeleteDatasetOptions): void {
  checkNames(options, DELETE_DATASET);
}

export function checkCall(options: CallOptions): void {
  checkNames(options, CALL_NAMES);
}

function assertInteger(name: string, value: number | undefined, least: number, most: number): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= least && value <= most)) return;
  throw new RangeError(`option '${name}' is ${String(value)}, not an integer from ${String(least)} to ${String(most)}`);
}
