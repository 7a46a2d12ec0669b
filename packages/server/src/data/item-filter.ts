import { timestampOfMs } from "@millrace/shared-types";

import { compilePredicate } from "../events/filter/compile-predicate.js";
import { momentOf } from "../events/filter/event-view.js";
import type { FilterSubject, Vocabulary } from "../events/filter/filter-subject.js";
import { jsonPayload } from "../events/filter/json-payload.js";
import type { Outcome } from "../events/filter/values.js";
import type { Row } from "../ports/item-store.js";

import { headOf } from "./item-message.js";

/** A filter over `item` and, for JSON, `data`. @throws ServiceError `INVALID_FILTER` */
export function itemFilterOf(text: string, maxChars: number): (row: Row) => boolean {
  const meets = compilePredicate(text, maxChars, ITEMS);
  return (row) => meets(new ItemView(row));
}

/** What filters see of an item. */
class ItemView implements FilterSubject {
  readonly row: Row;
  readonly head: ReturnType<typeof headOf>;
  #content: { readonly value: Outcome } | undefined;

  constructor(row: Row) {
    this.row = row;
    this.head = headOf(row);
  }

  get content(): Outcome {
    this.#content ??= { value: jsonPayload(this.head.contentType, this.row.data) };
    return this.#content.value;
  }
}

type ReadField = (view: ItemView) => Outcome;

const NO_BYTES = new Uint8Array(0);
const NO_ROW: Row = { key: "", id: "0", head: NO_BYTES, data: NO_BYTES, version: 0, deleted: false, updatedAtMs: 0 };

const ITEMS: Vocabulary<ItemView> = {
  name: "item",
  contentName: "data",
  fields: new Map<string, ReadField>([
    ["key", ({ row }) => row.key],
    ["id", ({ row }) => BigInt(row.id)],
    ["version", ({ row }) => BigInt(row.version)],
    ["update_time", ({ row }) => momentOf(timestampOfMs(row.updatedAtMs))],
    ["name", ({ head }) => head.name],
    ["content_type", ({ head }) => head.contentType],
    ["attributes", ({ head }) => head.attributes],
  ]),
  conditions: new Set(),
  empty: new ItemView(NO_ROW),
};
