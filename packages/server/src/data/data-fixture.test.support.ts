import {
  createTokenSigner,
  DataItem,
  type DataBatch,
  decodeMessage,
  EncodedMessages,
  Item,
  ListBatchesRequest,
  ListBatchesResponse,
  ListItemsRequest,
  ListRequest,
  type Mutation,
  MutateItemsRequest,
  type MutateItemsResponse,
  type PartialMessage,
} from "@millrace/shared-types";

import { MemoryItemStore } from "../adapters/memory/memory-item-store.js";
import { MemoryRecordStore } from "../adapters/memory/memory-record-store.js";
import { contextOf } from "../files/files-fixture.test.support.js";
import type { ItemStore } from "../ports/item-store.js";
import type { RecordStore } from "../ports/record-store.js";
import { ManualClock } from "../testing/manual-clock.js";

import type { DataDeps } from "./data-deps.js";
import { listBatches } from "./list-batches.js";
import { listItems } from "./list-items.js";
import { listLargeDataset } from "./list-large-dataset.js";
import { mutateItems } from "./mutate-items.js";
import { type Data, type DataOptions, openData } from "./open-data.js";

/** The data domain for a test, by default in memory, with a clock that the test moves. */
export interface DataFixture extends AsyncDisposable {
  readonly data: Data;
  readonly items: ItemStore;
  readonly records: RecordStore;
  readonly clock: ManualClock;
}

/** Opens a {@link DataFixture}. */
export async function openDataFixture(options: Partial<DataOptions> = {}): Promise<DataFixture> {
  const clock = new ManualClock(Date.UTC(2026, 0, 1));
  const { items = new MemoryItemStore({ clock }), records = new MemoryRecordStore() } = options;
  const data = await openData({
    clock,
    tokenSigner: createTokenSigner(Buffer.alloc(32, 1)),
    clusterId: "c1",
    ...options,
    items,
    records,
  });
  return { data, items, records, clock, [Symbol.asyncDispose]: () => data[Symbol.asyncDispose]() };
}

/** A change that puts an item whose content is a text. */
export function put(key: string, text: string, rest: PartialMessage<DataItem> = {}): PartialMessage<Mutation> {
  return { operation: { $case: "put", value: { key, data: Buffer.from(text), ...rest } } };
}

/** A change that puts JSON. */
export function putJson(key: string, value: unknown): PartialMessage<Mutation> {
  return put(key, JSON.stringify(value), { contentType: "application/json" });
}

export function deletion(key: string): PartialMessage<Mutation> {
  return { operation: { $case: "deleteKey", value: key } };
}

export function mutate(
  deps: DataDeps,
  mutations: readonly PartialMessage<Mutation>[],
  rest: PartialMessage<MutateItemsRequest> = {},
): Promise<MutateItemsResponse> {
  const request = MutateItemsRequest.fromPartial({ mutations: [...mutations], ...rest });
  return mutateItems(request, contextOf(), deps);
}

/** Items with the keys k0000, k0001 and so on. */
export async function fill(deps: DataDeps, count: number, dataset = ""): Promise<void> {
  await mutate(
    deps,
    Array.from({ length: count }, (_, n) => put(keyOf(n), `data ${String(n)}`)),
    { dataset },
  );
}

export function keyOf(n: number): string {
  return `k${String(n).padStart(4, "0")}`;
}

/** Messages as a client gets them, those that were serialized already too. */
async function* received<T extends object>(
  stream: AsyncIterable<T | EncodedMessages>,
  decode: (bytes: Uint8Array) => T,
): AsyncGenerator<T, void, undefined> {
  for await (const response of stream) {
    if (response instanceof EncodedMessages) for (const bytes of response.toBytes()) yield decode(bytes);
    else yield response;
  }
}

export function listed(deps: DataDeps, request: PartialMessage<ListRequest> = {}): AsyncGenerator<DataItem> {
  const stream = listLargeDataset(ListRequest.fromPartial(request), contextOf(), deps);
  return received(stream, (bytes) => decodeMessage(DataItem, bytes));
}

export function listedItems(deps: DataDeps, request: PartialMessage<ListItemsRequest> = {}): AsyncGenerator<Item> {
  const stream = listItems(ListItemsRequest.fromPartial(request), contextOf(), deps);
  return received(stream, (bytes) => decodeMessage(Item, bytes));
}

export async function* listedBatches(
  deps: DataDeps,
  request: PartialMessage<ListBatchesRequest> = {},
): AsyncGenerator<DataBatch> {
  const stream = listBatches(ListBatchesRequest.fromPartial(request), contextOf(), deps);
  const responses = received<ListBatchesResponse>(stream, (bytes) => decodeMessage(ListBatchesResponse, bytes));
  for await (const { batch } of responses) if (batch !== undefined) yield batch;
}

export async function keysOf(items: AsyncIterable<{ readonly key: string }>): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of items) keys.push(key);
  return keys;
}

/** Status code of each result. */
export function codesOf({ results }: MutateItemsResponse): (number | undefined)[] {
  return results.map(({ status }) => status?.code);
}
