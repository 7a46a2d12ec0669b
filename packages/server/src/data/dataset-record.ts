import { invalidField, resourceNotFound } from "@millrace/shared-types";

import type { RecordStore } from "../ports/record-store.js";
import { getJson, putJson, untilCommitted, type Versioned } from "../records/json-records.js";
import { newId } from "../records/new-id.js";

/** Datasets, by name. */
export const DATASETS = "datasets";

/** The dataset of those who name none, and the same of collections. Both are there always. */
export const DEFAULT_DATASET = "default";
export const DEFAULT_COLLECTION = "items";

/** A dataset, from when it was made until it is deleted. */
export interface DatasetRecord {
  readonly name: string;
  /** Its collection in the item store: another dataset of the same name has another one. */
  readonly collection: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/** All collections of this domain in the item store, and no other, begin with this. */
export const COLLECTION_PREFIX = "data/";

/** A new dataset, without items. */
export function newDataset(name: string, nowMs: number): DatasetRecord {
  return { name, collection: `${COLLECTION_PREFIX}${newId()}`, createdAt: nowMs };
}

/** Makes the datasets that are there always. */
export async function makeStandingDatasets(records: RecordStore, nowMs: number): Promise<void> {
  for (const name of [DEFAULT_DATASET, DEFAULT_COLLECTION]) {
    await untilCommitted(async () => {
      const known = await getJson<DatasetRecord>(records, DATASETS, name);
      if (known === undefined) await records.commit([putJson(DATASETS, name, newDataset(name, nowMs), 0)]);
    });
  }
}

/** Whether a dataset is there always: deleting it makes it empty. */
export function isStanding(name: string): boolean {
  return name === DEFAULT_DATASET || name === DEFAULT_COLLECTION;
}

/**
 * The dataset that a request means.
 *
 * @throws ServiceError `INVALID_FIELD` about `field`, or `RESOURCE_NOT_FOUND`
 */
export async function loadDataset(
  records: RecordStore,
  name: string,
  field = "dataset",
): Promise<Versioned<DatasetRecord>> {
  checkDatasetName(field, name);
  const dataset = await getJson<DatasetRecord>(records, DATASETS, name);
  if (dataset === undefined) throw resourceNotFound("dataset", name);
  return dataset;
}

/** @throws ServiceError `RESOURCE_NOT_FOUND` if the dataset has been deleted, also if there is another one of its name */
export async function checkStillThere(records: RecordStore, { name, collection }: DatasetRecord): Promise<void> {
  const now = await getJson<DatasetRecord>(records, DATASETS, name);
  if (now?.value.collection !== collection) throw resourceNotFound("dataset", name);
}

/** @throws ServiceError `INVALID_FIELD` about `field` */
export function checkDatasetName(field: string, name: string): void {
  if (!/^[a-z0-9_-]{1,128}$/.test(name)) throw invalidField(field, 'must be 1 to 128 of a-z, 0-9, "-" and "_"');
}
