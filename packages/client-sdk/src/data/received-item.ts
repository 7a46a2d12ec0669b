import { type DataItem as WireItem, toDate } from "@millrace/shared-types";

import { present } from "../files/file-info.js";
import type { DataItem } from "./types.js";

export const NO_ATTRIBUTES: DataItem["attributes"] = Object.freeze({});

/**
 * The public form of an item.
 *
 * @throws {InternalError} if the server left out what it promises
 */
export function toDataItem(item: WireItem): DataItem {
  return new ReceivedItem(item);
}

export function textOf({ data }: Pick<DataItem, "data">): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("utf8");
}

class ReceivedItem implements DataItem {
  readonly id: string;
  readonly key: string;
  readonly data: Uint8Array;
  readonly contentType: string;
  readonly version: number;
  readonly updatedAt: Date;
  readonly attributes: Readonly<Record<string, string>>;
  readonly name: string;

  constructor(item: WireItem) {
    this.id = item.id;
    this.key = item.key;
    this.data = item.data;
    this.contentType = item.contentType;
    this.version = item.version;
    this.updatedAt = toDate(present(item.updateTime, "item.update_time"));
    this.attributes = item.attributes.size === 0 ? NO_ATTRIBUTES : Object.fromEntries(item.attributes);
    this.name = item.name;
  }

  text(): string {
    return textOf(this);
  }

  json(): unknown {
    return JSON.parse(this.text());
  }
}
