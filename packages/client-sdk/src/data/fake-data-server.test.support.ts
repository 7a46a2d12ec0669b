import {
  DataItem,
  type Dataset,
  DatasetServiceDefinition,
  decodeMessage,
  encodeStatusDetails,
  type ListBatchesRequest,
  type ListBatchesResponse,
  ListBatchesResponse as ListBatchesMessage,
  ListRequest,
  type MutateItemsRequest,
  type MutateItemsResponse,
  type Mutation,
  type MutationResult,
  ServiceError,
  Status,
  toTimestamp,
} from "@millrace/shared-types";

import { createClient, type StreamingClient } from "../client.js";
import type { ClientClock } from "../options.js";
import { systemClock } from "../rpc/system-clock.js";
import type { Transport } from "../rpc/transport.js";
import type { FaultPlan, FaultPlanner } from "../testing/fault-plan.js";
import { type FaultControls, faulty } from "../testing/fault-transport.js";
import type { InMemoryCallContext } from "../testing/in-memory-context.js";
import type { Serve } from "../testing/in-memory-server.js";
import { createInMemoryTransport } from "../testing/in-memory-transport.js";
import type { DataApi } from "./data-api.js";
import type { DataItem as ReceivedItem } from "./types.js";

/** What DatasetService promises about one dataset, in memory, with every request in view. */
export class FakeDataServer {
  /** By key. */
  readonly items: Map<string, DataItem> = new Map();
  readonly lists: ListRequest[] = [];
  readonly mutations: MutateItemsRequest[] = [];
  readonly datasets: Dataset[] = [];
  /** How often each item was written. */
  readonly writes: Map<string, number> = new Map();
  /** Items of the next message: listings that are resumed are cut differently. */
  batchItems: () => number = () => 3;
  sendsHeader = true;
  /** Refuses whole requests … */
  refusal: (request: MutateItemsRequest) => ServiceError | undefined = () => undefined;
  /** … and single items. */
  itemRefusal: (key: string) => ServiceError | undefined = () => undefined;
  /** Awaited before a request is worked on. */
  beforeWork: (request: MutateItemsRequest) => Promise<void> = () => Promise.resolve();
  readonly #answers = new Map<string, MutateItemsResponse>();
  /** Snapshots of listings: they read what was there when they began. */
  readonly #snapshots: (readonly DataItem[])[] = [];
  #version = 0;

  readonly register = (serve: Serve): void => {
    serve(DatasetServiceDefinition, {
      mutateItems: (request) => this.#mutate(request),
      listBatches: (request, context) => this.#list(request, context),
      createDataset: async ({ dataset }) => {
        const made = { name: dataset?.name ?? "", itemCount: 0, sizeBytes: 0, createTime: NOW, version: 0 };
        this.datasets.push(made);
        return { dataset: made };
      },
      getDataset: async ({ name }) => ({ dataset: this.datasets.find((each) => each.name === name) }),
      listDatasets: async ({ pageToken }) => {
        const index = Number(pageToken);
        return {
          datasets: this.datasets.slice(index, index + 1),
          nextPageToken: index + 1 < this.datasets.length ? String(index + 1) : "",
        };
      },
      deleteDataset: async () => ({}),
    });
  };

  /** Adds `count` items, `k000` and so on, whose content is their number. */
  fill(count: number): void {
    for (let n = 0; n < count; n++) this.write({ key: keyOf(n), data: Buffer.from(String(n)) });
  }

  write(item: Partial<DataItem>): DataItem {
    const id = this.items.get(item.key ?? "")?.id ?? String(this.items.size + 1);
    const key = item.key === undefined || item.key === "" ? id : item.key;
    const version = ++this.#version;
    const stored = { ...DataItem.fromPartial({}), ...item, id, key, version, updateTime: NOW };
    this.items.set(key, stored);
    this.writes.set(key, (this.writes.get(key) ?? 0) + 1);
    return stored;
  }

  async #mutate(request: MutateItemsRequest): Promise<MutateItemsResponse> {
    this.mutations.push(request);
    await this.beforeWork(request);
    const refusal = this.refusal(request);
    if (refusal !== undefined) throw refusal;
    const { idempotencyKey, mutations } = request;
    const known = this.#answers.get(idempotencyKey);
    const answer = known ?? { results: mutations.map((mutation) => this.#resultOf(mutation)), replayed: false };
    this.#answers.set(idempotencyKey, answer);
    return { ...answer, replayed: known !== undefined };
  }

  #resultOf({ operation, ifVersionMatch }: Mutation): MutationResult {
    const key = operation?.$case === "put" ? operation.value.key : (operation?.value ?? "");
    const actual = this.items.get(key)?.version ?? 0;
    const mismatch =
      ifVersionMatch === undefined || ifVersionMatch === actual
        ? undefined
        : new ServiceError("REVISION_MISMATCH", "another version", { metadata: { expected: ifVersionMatch, actual } });
    const refusal = this.itemRefusal(key) ?? mismatch;
    if (refusal !== undefined)
      return { status: decodeMessage(Status, encodeStatusDetails(refusal)), id: "0", version: 0 };
    if (operation?.$case === "put") return { status: undefined, ...this.write(operation.value) };
    this.items.delete(key);
    return { status: Status.fromPartial({}), id: "0", version: ++this.#version };
  }

  async *#list(
    { list = ListRequest.fromPartial({}) }: ListBatchesRequest,
    context: InMemoryCallContext,
  ): AsyncGenerator<ListBatchesResponse> {
    this.lists.push(list);
    const [snapshot, start] = list.startCursor === "" ? [this.#snapshot(list), 0] : parse(list.startCursor);
    const rows = this.#snapshots[snapshot] ?? [];
    const end = list.limit === 0 ? rows.length : Math.min(rows.length, start + list.limit);
    context.sendHeaders(this.sendsHeader ? { "millrace-resume-token": cursor(snapshot, start) } : { "x-live": "1" });
    for (let from = start; from < end;) {
      const to = Math.min(end, from + this.batchItems());
      yield ListBatchesMessage.fromPartial({
        batch: { items: rows.slice(from, to), cursor: cursor(snapshot, to), rowCount: to - from },
      });
      from = to;
    }
  }

  #snapshot({ descending, keyPrefix }: ListRequest): number {
    const rows = [...this.items.values()].filter(({ key }) => key.startsWith(keyPrefix));
    rows.sort((a, b) => (a.key < b.key ? -1 : 1));
    return this.#snapshots.push(descending ? rows.toReversed() : rows) - 1;
  }
}

const NOW = toTimestamp(new Date(0));

export function keyOf(n: number): string {
  return `k${String(n).padStart(3, "0")}`;
}

function cursor(snapshot: number, index: number): string {
  return `c${String(snapshot)}-${String(index)}`;
}

function parse(text: string): readonly [snapshot: number, index: number] {
  const [snapshot = 0, index = 0] = text.slice(1).split("-").map(Number);
  return [snapshot, index];
}

/** A data API whose server is in this process and whose connection fails as told. */
export interface OpenData extends AsyncDisposable {
  readonly client: StreamingClient;
  readonly data: DataApi;
  readonly server: FakeDataServer;
  readonly faults: Transport & FaultControls;
}

export function openData(plan: FaultPlan | FaultPlanner = {}, clock: ClientClock = systemClock): OpenData {
  const server = new FakeDataServer();
  const faults = faulty(createInMemoryTransport(server.register), plan);
  const client = createClient({ target: "in-memory", transport: faults, clock, random: () => 0 });
  return { client, data: client.data, server, faults, [Symbol.asyncDispose]: () => client.close() };
}

/** The keys of all that comes. */
export async function keysOf(items: AsyncIterable<ReceivedItem>): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of items) keys.push(key);
  return keys;
}

/** `k000`, `k001`… */
export function upTo(count: number): readonly string[] {
  return Array.from({ length: count }, (_, n) => keyOf(n));
}
