import { DataItem, decodeMessage, Item, timestampOfMs } from "@millrace/shared-types";

import { written } from "../events/written.js";
import type { Row } from "../ports/item-store.js";

type Writer = Parameters<Parameters<typeof written>[0]>[0];

const NO_ITEM: DataItem = DataItem.fromPartial({});
const NO_HEAD: Pick<DataItem, "name" | "contentType" | "attributes"> = NO_ITEM;

/** What the writer of a row said of it. */
export function headOf({ head }: Pick<Row, "head">): Pick<DataItem, "name" | "contentType" | "attributes"> {
  return head.length === 0 ? NO_HEAD : decodeMessage(DataItem, head);
}

/** A row as a DataItem. */
export function toDataItem(row: Row): DataItem {
  const { name, contentType, attributes } = headOf(row);
  return { ...placedItem(row, ""), name, contentType, attributes };
}

/** {@link toDataItem} with a cursor, serialized: the fields of the head are added as they are. */
export function writeDataItem(row: Row, cursor: string, writer: Writer): Writer {
  return DataItem.encode(placedItem(row, cursor), writer).raw(row.head);
}

export function dataItemBytes(row: Row, cursor: string): Uint8Array {
  return written((writer) => writeDataItem(row, cursor, writer));
}

/** A row as an Item, serialized. */
export function itemBytes(row: Row, cursor: string): Uint8Array {
  const { name, contentType, attributes } = headOf(row);
  const { key: id, data, version, updatedAtMs } = row;
  const createTime = timestampOfMs(updatedAtMs);
  const item: Item = { id, data, name, attributes, contentType, version, createTime, cursor, collection: "" };
  return written((writer) => Item.encode(item, writer));
}

/** All that is not in the head. */
function placedItem({ id, key, data, version, updatedAtMs }: Row, cursor: string): DataItem {
  return { ...NO_ITEM, id, data, key, cursor, version, updateTime: timestampOfMs(updatedAtMs) };
}
