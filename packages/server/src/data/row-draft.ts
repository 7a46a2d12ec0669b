import {
  DataItem,
  encodeMessage,
  invalidField,
  MAX_CONTENT_TYPE_BYTES,
  MAX_ITEM_ATTRIBUTE_BYTES,
  MAX_ITEM_ATTRIBUTES,
  MAX_ITEM_KEY_BYTES,
} from "@millrace/shared-types";

import { checkBytes, checkLimit } from "../events/check-limit.js";
import type { RowDraft } from "../ports/item-store.js";

import type { DataDeps } from "./data-deps.js";

const NOTHING: DataItem = DataItem.fromPartial({});
const NO_BYTES = new Uint8Array(0);

/** What a writer says of an item, be it a DataItem or an Item. */
export type ItemContent = Pick<DataItem, "data" | "name" | "contentType" | "attributes">;

/**
 * An item in the form in which it is stored: its head is the fields of a DataItem that only the writer knows,
 * serialized. Equal content gives equal bytes, in whatever order the attributes came.
 *
 * @param key checked already
 * @param path of the item's fields, such as `put.`
 * @throws ServiceError `LIMIT_EXCEEDED` or `INVALID_FIELD` about a field
 */
export function rowDraftOf(
  key: string,
  content: ItemContent,
  path: string,
  { limits }: Pick<DataDeps, "limits">,
): RowDraft {
  checkLimit(`${path}data`, "max_item_bytes", limits.maxItemBytes, content.data.length);
  return { key, head: headOf(content, path), data: content.data };
}

/** @throws ServiceError `INVALID_FIELD` or `LIMIT_EXCEEDED` about `field` */
export function checkItemKey(field: string, key: string): void {
  if (key === "") throw invalidField(field, "must be set");
  checkBytes(field, "max_item_key_bytes", MAX_ITEM_KEY_BYTES, key);
  if (!key.isWellFormed()) throw invalidField(field, "must be Unicode text");
}

function headOf({ name, contentType, attributes }: ItemContent, path: string): Uint8Array {
  if (name === "" && contentType === "" && attributes.size === 0) return NO_BYTES;
  checkBytes(`${path}name`, "max_item_key_bytes", MAX_ITEM_KEY_BYTES, name);
  checkBytes(`${path}content_type`, "max_content_type_bytes", MAX_CONTENT_TYPE_BYTES, contentType);
  checkAttributes(`${path}attributes`, attributes);
  const sorted = new Map([...attributes].sort(([a], [b]) => (a < b ? -1 : 1)));
  return encodeMessage(DataItem, { ...NOTHING, name, contentType, attributes: sorted });
}

function checkAttributes(field: string, attributes: ReadonlyMap<string, string>): void {
  checkLimit(field, "max_item_attributes", MAX_ITEM_ATTRIBUTES, attributes.size);
  if (attributes.has("")) throw invalidField(field, "must not have an empty key");
  let bytes = 0;
  for (const [name, value] of attributes) bytes += Buffer.byteLength(name) + Buffer.byteLength(value);
  checkLimit(field, "max_item_attribute_bytes", MAX_ITEM_ATTRIBUTE_BYTES, bytes);
}
