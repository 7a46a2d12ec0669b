import { createClient, createTypedClient, type TypedClient } from "@millrace/client-sdk";
import { EventServiceDefinition } from "@millrace/shared-types";

import { eventsToPublish } from "./events-to-publish.js";

export type EventService = TypedClient<typeof EventServiceDefinition>;

/** A client of the event service as it is on the wire. */
export function connectEvents(target: string): { readonly events: EventService } & AsyncDisposable {
  const client = createClient({ target });
  return {
    events: createTypedClient(EventServiceDefinition, client),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

/** How 64 publishers publish events, one in each request. */
export const PUBLISH_MODES = ["Publish, one after the other", "PublishStream, 16 on their way"] as const;
export type PublishMode = (typeof PUBLISH_MODES)[number];

const PUBLISHERS = 64;
const STREAM_WINDOW = 16;

/** Publishes for so long; gives the acknowledged events per second. */
export async function publishFor(events: EventService, mode: PublishMode, ms: number): Promise<number> {
  const startedAt = performance.now();
  const isOver = (): boolean => performance.now() - startedAt >= ms;
  const publish = mode === "Publish, one after the other" ? publishOneByOne : publishPipelined;
  const counts = await Promise.all(Array.from({ length: PUBLISHERS }, () => publish(events, isOver)));
  const seconds = (performance.now() - startedAt) / 1000;
  return counts.reduce((sum, count) => sum + count, 0) / seconds;
}

async function publishOneByOne(events: EventService, isOver: () => boolean): Promise<number> {
  let acknowledged = 0;
  for (; !isOver(); acknowledged++) await events.publish({ events: eventsToPublish(1) });
  return acknowledged;
}

async function publishPipelined(events: EventService, isOver: () => boolean): Promise<number> {
  const stream = events.publishStream();
  let sent = 0;
  const send = (): Promise<void> => stream.send({ requestId: ++sent, publish: { events: eventsToPublish(1) } });
  while (sent < STREAM_WINDOW) await send();
  let acknowledged = 0;
  for await (const { result } of stream) {
    if (result?.$case !== "published") throw new Error("an event was refused");
    acknowledged++;
    if (!isOver()) await send();
    else if (acknowledged === sent) await stream.end();
  }
  return acknowledged;
}

const FILL_EVENTS = 1000;
const FILL_REQUESTS = 4;

/** Publishes so many events, as fast as may be. */
export async function fillLog(events: EventService, count: number): Promise<void> {
  let left = count;
  const fill = async (): Promise<void> => {
    while (left > 0) {
      const some = Math.min(left, FILL_EVENTS);
      left -= some;
      await events.publish({ events: eventsToPublish(some) });
    }
  };
  await Promise.all(Array.from({ length: FILL_REQUESTS }, fill));
}
