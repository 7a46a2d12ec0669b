import {
  type Event,
  StreamingServiceDefinition,
  EventServiceDefinition,
  type PublishRequest,
} from "@millrace/shared-types";
import { createServer } from "nice-grpc";

import type { Contender } from "./contender.js";
import { storedEvent } from "./stored-event.js";

/** Events as one writes them with nice-grpc and ts-proto: a watch yields what there is, from memory. */
export async function openNiceGrpc(): Promise<Contender> {
  const stored: Event[] = [];
  const server = createServer();
  server.add(
    { ...StreamingServiceDefinition, methods: { watchEvents: StreamingServiceDefinition.methods.watchEvents } },
    {
      async *watchEvents() {
        yield* stored;
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
  const port = await server.listen("127.0.0.1:0");
  return { port, close: async () => server.forceShutdown() };
}
