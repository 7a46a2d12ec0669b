import { ProcessRequest } from "@millrace/shared-types";

import { jsonBytes } from "../json-bytes.js";
import { checkItem } from "./check-batch-options.js";
import type { BatchItem } from "./types.js";

/** What an item costs besides its texts and its input, in bytes: tags, lengths, its place among those that wait. */
const ITEM_OVERHEAD_BYTES = 256;

/**
 * An item on its way to the server.
 *
 * @throws {TypeError} if it says no operation, has two inputs, or one that cannot be serialized
 */
export function toItemRequest(item: BatchItem, defaultOperation: string | undefined): ProcessRequest {
  checkItem(item);
  const { operation = defaultOperation, id = "", idempotencyKey = "", orderingKey = "", attributes } = item;
  if (operation === undefined || operation === "") {
    throw new TypeError("an item has no operation, and the options name none");
  }
  const { contentType = item.json === undefined ? "" : "application/json" } = item;
  const request = { operation, id, idempotencyKey, orderingKey, contentType, payload: payloadOf(item) };
  return { ...ProcessRequest.fromPartial(request), attributes: new Map(Object.entries(attributes ?? {})) };
}

/** What an item counts for in bounds, in bytes. */
export function sizeOfItem({ payload, attributes, id, idempotencyKey, orderingKey }: ProcessRequest): number {
  let bytes = ITEM_OVERHEAD_BYTES + payload.byteLength;
  for (const text of [id, idempotencyKey, orderingKey]) bytes += Buffer.byteLength(text);
  for (const [name, value] of attributes) bytes += Buffer.byteLength(name) + Buffer.byteLength(value);
  return bytes;
}

function payloadOf({ payload = "", json }: BatchItem): Uint8Array {
  if (json !== undefined) return jsonBytes(json);
  if (typeof payload === "string") return Buffer.from(payload);
  if (payload instanceof Uint8Array) return payload;
  throw new TypeError("payload is neither bytes nor text: use json for other values");
}
