import { setTimeout as sleep } from "node:timers/promises";

import { createClient } from "@millrace/client-sdk";

import { contentNow, type Load } from "./slow-watcher/load.js";

// A publisher in a process of its own: `publisher-process.js TARGET`. It offers each load that it is sent, one at a time,
// and says how many events that were.

const TICK_MS = 5;

/** Events that are published in one go, whatever is due. */
const MAX_BURST = 500;

const [, , target = ""] = process.argv;
const client = createClient({ target });
const publisher = client.events.publisher();

/** Publishes at a rate, less if the server takes less; gives how many. */
async function offer({ eventsPerSecond, types, ms }: Load): Promise<number> {
  const startedAt = performance.now();
  const due = (): number => (eventsPerSecond * Math.min(ms, performance.now() - startedAt)) / 1000;
  let offered = 0;
  while (performance.now() - startedAt < ms) {
    for (let burst = 0; burst < MAX_BURST && offered < due(); burst++, offered++) {
      publisher.publish({ type: `type-${String(offered % types)}`, payload: contentNow() }).catch(() => {});
    }
    await publisher.ready();
    await sleep(TICK_MS);
  }
  await publisher.flush();
  return offered;
}

process.on("message", (load: Load) => void offer(load).then((offered) => process.send?.(offered)));
process.once("disconnect", () => void client.close());
