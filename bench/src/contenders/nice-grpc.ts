import {
  type DataItem,
  DatasetServiceDefinition,
  type Event,
  StreamingServiceDefinition,
  EventServiceDefinition,
  type ListRequest,
  type MutateItemsRequest,
  type PublishRequest,
} from "@millrace/shared-types";
import { createServer } from "nice-grpc";

import type { Contender } from "./contender.js";
import { storedItem } from "./stored-item.js";
import { storedEvent } from "./stored-event.js";

/** Items of a message of a batched listing: as many as ours has of them. */
const BATCH_ITEMS = 1000;

/** Watches and listings as one writes them with nice-grpc and ts-proto: they yield what there is, from memory. */
export async function openNiceGrpc(): Promise<Contender> {
  const stored: Event[] = [];
  const items: DataItem[] = [];
  const server = createServer();
  const { watchEvents, listLargeDataset } = StreamingServiceDefinition.methods;
  server.add(
    { ...StreamingServiceDefinition, methods: { watchEvents, listLargeDataset } },
    {
      async *watchEvents() {
        yield* stored;
      },
      async *listLargeDataset({ limit }: ListRequest) {
        yield* limit === 0 ? items : items.slice(0, limit);
      },
    },
  );
  server.add(
    { ...EventServiceDefinition, methods: { publish: EventServiceDefinition.methods.publish } },
    {
      async publish({ events }: PublishRequest) {
        for (const event of events) stored.push(storedEvent(event, stored.length + 1));
        return {};
      },
    },
  );
  const { listBatches, mutateItems } = DatasetServiceDefinition.methods;
  server.add(
    { ...DatasetServiceDefinition, methods: { listBatches, mutateItems } },
    {
      async *listBatches() {
        for (let start = 0; start < items.length; start += BATCH_ITEMS) {
          yield { batch: { items: items.slice(start, start + BATCH_ITEMS) } };
        }
      },
      async mutateItems({ mutations }: MutateItemsRequest) {
        const results = mutations.map(({ operation }) => {
          if (operation?.$case === "put") items.push(storedItem(operation.value, items.length + 1));
          return { id: String(items.length), version: items.length };
        });
        return { results };
      },
    },
  );
  const port = await server.listen("127.0.0.1:0");
  return { port, close: async () => server.forceShutdown() };
}
