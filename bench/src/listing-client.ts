import { Client, credentials } from "@grpc/grpc-js";
import { createClient } from "@millrace/client-sdk";
import {
  type DataItem,
  DatasetServiceDefinition,
  encodeMessage,
  ListRequest,
  StreamingServiceDefinition,
} from "@millrace/shared-types";
import { createChannel, createClient as createNiceClient } from "nice-grpc";

import { stockMethod } from "./contenders/stock-method.js";
import { FrameCounter } from "./frame-counter.js";

/** Who lists. Each reads all items and touches each. */
export type ListingClientName = keyof typeof OPEN;

/** Lists and gives how many items came. */
type ListItems = (limit: number) => Promise<number>;

const { listLargeDataset } = StreamingServiceDefinition.methods;
const { listBatches } = DatasetServiceDefinition.methods;
const STOCK = stockMethod(StreamingServiceDefinition, listLargeDataset);

const OPEN = {
  SDK(port: number): ListItems {
    const client = createClient({ target: `127.0.0.1:${String(port)}` });
    return async (limit) => {
      let [items, keyChars] = [0, 0];
      for await (const { key } of client.data.list({ limit })) {
        items++;
        keyChars += key.length;
      }
      return keyChars > 0 ? items : 0;
    };
  },
  "nice-grpc, one per message"(port: number): ListItems {
    const channel = createChannel(`127.0.0.1:${String(port)}`);
    const client = createNiceClient({ ...StreamingServiceDefinition, methods: { listLargeDataset } }, channel);
    return async (limit) => {
      let [items, keyChars] = [0, 0];
      for await (const { key } of client.listLargeDataset({ limit })) {
        items++;
        keyChars += key.length;
      }
      return keyChars > 0 ? items : 0;
    };
  },
  "nice-grpc, batched"(port: number): ListItems {
    const channel = createChannel(`127.0.0.1:${String(port)}`);
    const client = createNiceClient({ ...DatasetServiceDefinition, methods: { listBatches } }, channel);
    return async (limit) => {
      let [items, keyChars] = [0, 0];
      for await (const { batch } of client.listBatches({ list: { limit } })) {
        for (const { key } of batch?.items ?? []) {
          items++;
          keyChars += key.length;
        }
      }
      return keyChars > 0 ? items : 0;
    };
  },
  "stock grpc-js"(port: number): ListItems {
    const client = new Client(`127.0.0.1:${String(port)}`, credentials.createInsecure());
    return async (limit) => {
      const request = ListRequest.fromPartial({ limit });
      const { path, requestSerialize, responseDeserialize } = STOCK;
      const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request);
      let [items, keyChars] = [0, 0];
      call.on("data", ({ key }: DataItem) => {
        items++;
        keyChars += key.length;
      });
      await new Promise((resolve, reject) => call.on("end", resolve).on("error", reject));
      return keyChars > 0 ? items : 0;
    };
  },
  "frame counter"(port: number): ListItems {
    return async (limit) => {
      using counter = await FrameCounter.open(port);
      counter.call(STOCK.path, encodeMessage(ListRequest, ListRequest.fromPartial({ limit })));
      await counter.untilEnded(1);
      return counter.messages;
    };
  },
};

/** Answers with items per second. */
async function report(list: ListItems, limit: number): Promise<void> {
  const startedAt = performance.now();
  const items = await list(limit);
  if (items !== limit) throw new Error(`${String(items)} of ${String(limit)} items came`);
  process.send?.((items * 1000) / (performance.now() - startedAt));
}

// A process of its own for each client, so that the engine optimizes for this one alone.
const [, , name = "", port = ""] = process.argv;
const list = OPEN[name as ListingClientName](Number(port));
process.on("message", (limit: number) => void report(list, limit));
process.once("disconnect", () => process.exit(0));
process.send?.("ready");
