import { type DataItem, invalidField, type Mutation } from "@millrace/shared-types";

import type { RowMutation } from "../ports/item-store.js";

import type { DataDeps } from "./data-deps.js";
import { checkItemKey, rowDraftOf } from "./row-draft.js";

/**
 * A change as the store takes it.
 *
 * @param newId of the item, if this gives neither id nor key
 * @throws ServiceError `INVALID_FIELD` or `LIMIT_EXCEEDED`, about a field of the mutation
 */
export function rowMutationOf(
  { operation, ifVersionMatch }: Mutation,
  collection: string,
  newId: string,
  deps: Pick<DataDeps, "limits">,
): RowMutation {
  if (ifVersionMatch !== undefined && ifVersionMatch < 0) {
    throw invalidField("if_version_match", `is ${String(ifVersionMatch)}, must not be negative`);
  }
  const ifVersion = ifVersionMatch === undefined ? {} : { ifVersion: ifVersionMatch };
  switch (operation?.$case) {
    case "put":
      return { collection, put: putOf(operation.value, newId, deps), ...ifVersion };
    case "deleteKey":
      checkItemKey("delete_key", operation.value);
      return { collection, deleteKey: operation.value, ...ifVersion };
    case undefined:
      throw invalidField("operation", "must be set: put or delete_key");
  }
}

function putOf(item: DataItem, newId: string, deps: Pick<DataDeps, "limits">): NonNullable<RowMutation["put"]> {
  const { id: given, key } = item;
  if (given.startsWith("-")) throw invalidField("put.id", `is ${given}, must not be negative`);
  if (key !== "") checkItemKey("put.key", key);
  if (given === "0" && key !== "") return rowDraftOf(key, item, "put.", deps);
  const id = given === "0" ? newId : given;
  return { ...rowDraftOf(key || id, item, "put.", deps), id };
}
