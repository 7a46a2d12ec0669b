import { createHash } from "node:crypto";

import {
  encodeMessage,
  invalidField,
  MAX_CONTENT_TYPE_BYTES,
  MAX_IDEMPOTENCY_KEY_BYTES,
  MAX_ITEM_ATTRIBUTE_BYTES,
  MAX_ITEM_ATTRIBUTES,
  ProcessRequest,
  ServiceError,
} from "@millrace/shared-types";

import { checkBytes, checkLimit } from "../events/check-limit.js";

import type { BatchDeps } from "./batch-deps.js";
import { MAX_ITEM_BYTES, MAX_NAME_BYTES } from "./batch-limits.js";
import type { Processor } from "./processor.js";

const NOTHING: ProcessRequest = ProcessRequest.fromPartial({});

/** An item in memory besides its texts and its payload, about, in bytes. */
export const ITEM_OVERHEAD_BYTES = 512;

/** An item of a batch, looked at but not run. */
export interface BatchItem {
  readonly index: number;
  readonly request: ProcessRequest;
  /** What runs it, or why nothing can. */
  readonly processor: Processor | ServiceError;
  /** Hash of its content: operation, payload, content type and attributes. */
  readonly fingerprint: Buffer;
  /** What it takes in memory, about. */
  readonly bytes: number;
}

/** @param request names its operation */
export function batchItemOf(
  index: number,
  request: ProcessRequest,
  { processors }: Pick<BatchDeps, "processors">,
): BatchItem {
  return {
    index,
    request,
    processor: processorFor(request, processors),
    fingerprint: fingerprintOf(request),
    bytes: bytesOf(request),
  };
}

function processorFor(request: ProcessRequest, processors: BatchDeps["processors"]): Processor | ServiceError {
  try {
    checkItem(request);
    const processor = processors.get(request.operation);
    if (processor !== undefined) return processor;
    return invalidField("operation", `${JSON.stringify(request.operation)} is none that this server has`);
  } catch (error) {
    if (error instanceof ServiceError) return error;
    throw error;
  }
}

function checkItem({
  id,
  operation,
  payload,
  idempotencyKey,
  orderingKey,
  contentType,
  attributes,
}: ProcessRequest): void {
  for (const [field, text] of Object.entries({ id, operation, ordering_key: orderingKey })) {
    checkBytes(field, "max_name_bytes", MAX_NAME_BYTES, text);
  }
  checkBytes("idempotency_key", "max_idempotency_key_bytes", MAX_IDEMPOTENCY_KEY_BYTES, idempotencyKey);
  checkBytes("content_type", "max_content_type_bytes", MAX_CONTENT_TYPE_BYTES, contentType);
  checkLimit("payload", "max_item_bytes", MAX_ITEM_BYTES, payload.length);
  checkLimit("attributes", "max_item_attributes", MAX_ITEM_ATTRIBUTES, attributes.size);
  let bytes = 0;
  for (const [name, value] of attributes) bytes += Buffer.byteLength(name) + Buffer.byteLength(value);
  checkLimit("attributes", "max_item_attribute_bytes", MAX_ITEM_ATTRIBUTE_BYTES, bytes);
}

/** Equal content gives equal bytes, in whatever order its attributes came. */
function fingerprintOf({ operation, payload, contentType, attributes }: ProcessRequest): Buffer {
  const sorted = new Map([...attributes].sort(([a], [b]) => (a < b ? -1 : 1)));
  const content = encodeMessage(ProcessRequest, { ...NOTHING, operation, contentType, attributes: sorted });
  return createHash("sha256").update(content).update("\0").update(payload).digest();
}

function bytesOf({ id, payload, idempotencyKey, orderingKey, attributes }: ProcessRequest): number {
  let bytes = ITEM_OVERHEAD_BYTES + payload.length + 2 * (id.length + idempotencyKey.length + orderingKey.length);
  for (const [name, value] of attributes) bytes += 2 * (name.length + value.length);
  return bytes;
}

/** Names an item for good: by its idempotency key and content if it has a key, else by its place in its batch. */
export function identityOf(item: BatchItem, owner: string, batch: string): string {
  const { idempotencyKey } = item.request;
  const hash = createHash("sha256");
  if (idempotencyKey === "") hash.update(JSON.stringify([batch, item.index]));
  else hash.update(JSON.stringify([owner, idempotencyKey]));
  return hash.update(item.fingerprint).digest("base64url");
}
