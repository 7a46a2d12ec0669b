import {
  DataBatch,
  type DataItem as WireItem,
  DatasetServiceDefinition,
  decodeMessage,
  ListBatchesResponse,
} from "@millrace/shared-types";

import { asBuffer } from "../rpc/grpc-metadata.js";
import type { SerializedType } from "../rpc/message-bytes.js";
import { walkItems } from "./item-walk.js";
import type { ListedItem } from "./listed-item.js";

/** A DataBatch whose items are read when their fields are asked for, if they have the form that most have. */
export interface ReceivedBatch {
  readonly items: readonly (ListedItem | WireItem)[];
  readonly cursor: string;
}

/** As a ListBatchesResponse. */
export interface ReceivedBatchResponse {
  readonly batch: ReceivedBatch | undefined;
}

/** Of ListBatchesResponse.batch. */
const BATCH_TAG = 0x0a;

type ListBatches = (typeof DatasetServiceDefinition)["methods"]["listBatches"];

/** ListBatches as a listing reads its responses. */
export const LIST_BATCHES: Omit<ListBatches, "responseType"> & {
  readonly responseType: SerializedType<ReceivedBatchResponse>;
} = {
  ...DatasetServiceDefinition.methods.listBatches,
  responseType: { fromBytes, decode: fromBytes, toBytes: unused, encode: unused, fromPartial: unused },
};

/** @throws {MalformedMessageError} if the bytes are none */
function fromBytes(bytes: Uint8Array): ReceivedBatchResponse {
  const message = asBuffer(bytes);
  return { batch: walkedBatch(message) ?? decodeMessage(ListBatchesResponse, message).batch };
}

/** The batch, if it is all that the message holds and its items are of the usual form and come first. */
function walkedBatch(message: Buffer): ReceivedBatch | undefined {
  const begin = beginOfBatch(message);
  const walked = begin === undefined ? undefined : walkItems(message, begin);
  if (walked === undefined) return undefined;
  const { items, cursor } = decodeMessage(DataBatch, message.subarray(walked.end));
  return items.length === 0 ? { items: walked.items, cursor } : undefined;
}

/** Where the fields of the batch begin, if they end where the message does. */
function beginOfBatch(message: Buffer): number | undefined {
  if (message[0] !== BATCH_TAG) return undefined;
  let [length, at] = [0, 1];
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = message[at++] ?? 0;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return at + length === message.length ? at : undefined;
}

/** A client reads responses, and by `fromBytes`. */
function unused(): never {
  throw new Error("not used by a client");
}
