import type { DataItem } from "@millrace/shared-types";

/** An item with the fields that a server adds. */
export function storedItem(item: DataItem, version: number): DataItem {
  const now = Date.now();
  const updateTime = { seconds: Math.floor(now / 1000), nanos: (now % 1000) * 1_000_000 };
  return { ...item, id: String(version), data: Uint8Array.from(item.data), version, updateTime };
}
