import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import * as grpc from "@grpc/grpc-js";
import * as protoLoader from "@grpc/proto-loader";
import { type Tally, tally } from "@millrace/client-sdk/testing";

import type { SeedEvent } from "./seed-client.js";

const PROTO_ROOT = fileURLToPath(new URL("../../../proto", import.meta.url));

/** The seed waits 5 s. */
const RECONNECT_MS = 100;

interface LoopEvent extends SeedEvent {
  resume_token: string;
}

interface LoopRequest {
  event_types: readonly string[];
  resume_token?: string;
}

interface WatchClient extends grpc.Client {
  watchEvents(request: LoopRequest): grpc.ClientReadableStream<LoopEvent>;
}

/** A watch that never gives up. */
export interface WatchLoop {
  readonly events: readonly LoopEvent[];
  readonly connects: number;
  /** Resolves when the first watch is in place. */
  readonly watching: Promise<void>;
  /** Resolves once so many events have been handled. */
  reached(count: number): Promise<void>;
  stop(): Promise<void>;
}

/**
 * The watch loop of the seed's Go client: watch, handle events until there is an error, wait, watch again. One line is
 * new: each watch begins after the last event that was handled.
 */
export function openWatchLoop(target: string, request: LoopRequest): WatchLoop {
  const client = openWatchClient(target);
  const events: LoopEvent[] = [];
  const handled: Tally = tally();
  const watching = Promise.withResolvers<void>();
  let call: grpc.ClientReadableStream<LoopEvent> | undefined;
  let connects = 0;
  let stopping = false;
  const run = async (): Promise<void> => {
    while (!stopping) {
      const last = events.at(-1);
      call = client.watchEvents({ ...request, ...(last && { resume_token: last.resume_token }) });
      call.on("metadata", () => watching.resolve());
      connects++;
      try {
        for await (const event of call) {
          events.push(event as LoopEvent);
          handled.add();
        }
      } catch {
        // Whatever it was: watch again.
      }
      if (!stopping) await sleep(RECONNECT_MS);
    }
  };
  const ended = run();
  return {
    events,
    watching: watching.promise,
    get connects() {
      return connects;
    },
    reached: (count) => handled.reached(count),
    async stop() {
      stopping = true;
      call?.cancel();
      await ended;
      client.close();
    },
  };
}

/** A client made from our proto files as the seed's snippets make theirs. */
function openWatchClient(target: string): WatchClient {
  const definition = protoLoader.loadSync("streaming/v1/streaming_service.proto", {
    includeDirs: [PROTO_ROOT],
    keepCase: true,
    longs: Number,
    defaults: true,
    oneofs: true,
  });
  const root = grpc.loadPackageDefinition(definition) as unknown as {
    streaming: { v1: { StreamingService: new (...args: unknown[]) => WatchClient } };
  };
  return new root.streaming.v1.StreamingService(target, grpc.credentials.createInsecure());
}
