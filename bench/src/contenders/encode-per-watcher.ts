import {
  Metadata,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
} from "@grpc/grpc-js";
import {
  type Event,
  EventServiceDefinition,
  type PublishRequest,
  PublishResponse,
  StreamingServiceDefinition,
  type WatchRequest,
} from "@millrace/shared-types";

import type { Contender } from "./contender.js";
import { storedEvent } from "./stored-event.js";
import { stockMethod } from "./stock-method.js";

const METHODS = {
  watchEvents: stockMethod(StreamingServiceDefinition, StreamingServiceDefinition.methods.watchEvents),
  publish: stockMethod(EventServiceDefinition, EventServiceDefinition.methods.publish),
};

/**
 * Events as one writes them with grpc-js and ts-proto: each event is written to each watcher's call, which encodes
 * it. Nothing is stored, nobody is waited for.
 */
export async function openEncodePerWatcher(): Promise<Contender> {
  const watchers = new Set<ServerWritableStream<WatchRequest, Event>>();
  let sequence = 0;
  const server = new Server();
  server.addService(METHODS, {
    watchEvents(call: ServerWritableStream<WatchRequest, Event>) {
      watchers.add(call);
      call.on("cancelled", () => watchers.delete(call));
      call.sendMetadata(new Metadata());
    },
    publish({ request }: ServerUnaryCall<PublishRequest, PublishResponse>, done: sendUnaryData<PublishResponse>) {
      for (const event of request.events) {
        const stored = storedEvent(event, ++sequence);
        for (const watcher of watchers) watcher.write(stored);
      }
      done(null, PublishResponse.fromPartial({}));
    },
  });
  return listen(server);
}

function listen(server: Server): Promise<Contender> {
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
      if (error !== null) return reject(error);
      resolve({ port, close: async () => server.forceShutdown() });
    });
  });
}
