import { DataItem } from "@millrace/shared-types";

import { jsonBytes } from "../json-bytes.js";
import { checkItem } from "./check-data-options.js";
import type { OutgoingItem } from "./types.js";

/** What an item costs besides its texts and its content, in bytes: tags, lengths, the mutation around it. */
const ITEM_OVERHEAD_BYTES = 32;

/**
 * An item on its way to the server.
 *
 * @throws {TypeError} for an unknown name, or a content that cannot be serialized
 */
export function toItemMessage(item: OutgoingItem): DataItem {
  checkItem(item);
  const { key = "", id = "0", name = "", contentType = item.json === undefined ? "" : "application/json" } = item;
  const attributes = item.attributes ? new Map(Object.entries(item.attributes)) : new Map<string, string>();
  return DataItem.fromPartial({ key, id, name, data: contentOf(item), contentType, attributes });
}

/** What an item counts for in bounds, in bytes: about its size on the wire. */
export function sizeOfItem({ key, data, name, contentType, attributes }: DataItem): number {
  let bytes = ITEM_OVERHEAD_BYTES + data.byteLength;
  for (const text of [key, name, contentType]) bytes += Buffer.byteLength(text);
  for (const [name, value] of attributes) bytes += Buffer.byteLength(name) + Buffer.byteLength(value);
  return bytes;
}

function contentOf({ data = "", json }: OutgoingItem): Uint8Array {
  if (json !== undefined) return jsonBytes(json);
  if (typeof data === "string") return Buffer.from(data);
  if (data instanceof Uint8Array) return data;
  throw new TypeError("data is neither bytes nor text: use json for other values");
}
