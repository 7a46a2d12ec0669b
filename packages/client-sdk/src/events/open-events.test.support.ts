import { createClient, type StreamingClient } from "../client.js";
import type { ClientClock } from "../options.js";
import { systemClock } from "../rpc/system-clock.js";
import type { Transport } from "../rpc/transport.js";
import type { FaultPlan, FaultPlanner } from "../testing/fault-plan.js";
import { type FaultControls, faulty } from "../testing/fault-transport.js";
import { createInMemoryTransport, type InMemoryTransport } from "../testing/in-memory-transport.js";
import type { EventsApi } from "./events-api.js";
import { FakeEventServer } from "./fake-event-server.test.support.js";
import type { WatchedEvent } from "./types.js";

/** An events API whose server is in this process and whose connection fails as told. */
export interface OpenEvents extends AsyncDisposable {
  readonly client: StreamingClient;
  readonly events: EventsApi;
  readonly server: FakeEventServer;
  readonly transport: InMemoryTransport;
  readonly faults: Transport & FaultControls;
}

export function openEvents(
  plan: FaultPlan | FaultPlanner = {},
  clock: ClientClock = systemClock,
  server: FakeEventServer = new FakeEventServer(),
): OpenEvents {
  const transport = createInMemoryTransport(server.register);
  const faults = faulty(transport, plan);
  const client = createClient({
    target: "in-memory",
    transport: faults,
    clock,
    random: () => 0, // no time between attempts
  });
  return { client, events: client.events, server, transport, faults, [Symbol.asyncDispose]: () => client.close() };
}

/** Takes `count` events and leaves. */
export async function take(events: AsyncIterable<WatchedEvent>, count: number): Promise<readonly WatchedEvent[]> {
  const taken: WatchedEvent[] = [];
  for await (const event of events) {
    taken.push(event);
    if (taken.length === count) break;
  }
  return taken;
}

export function sequencesOf(events: readonly WatchedEvent[]): readonly number[] {
  return events.map(({ sequence }) => sequence);
}

/** 1, 2, 3… */
export function upTo(last: number): readonly number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}
