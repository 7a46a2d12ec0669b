import { setTimeout as sleep } from "node:timers/promises";

import { createClient, type StreamingClient, type SubscriptionStats } from "@millrace/client-sdk";
import { tally, within } from "@millrace/client-sdk/testing";

import { type Consumer, startConsumer } from "./consume-kills/consumer.js";
import { judgeWork, type WorkVerdict } from "./consume-kills/judge-work.js";
import { isToPark, SUBSCRIPTION, type WorkItem, workItem, type WorkLine } from "./consume-kills/work.js";
import { startServerProcess } from "./support/server-process.js";

const CONSUMERS = 3;
const MAX_PAUSE_MS = 600;
const POLL_MS = 50;
const END_MS = 60_000;

export interface ConsumePlan {
  readonly dataDir: string;
  readonly events: number;
  /** Events of one key are handled in order. Not a divisor of 50, or the events that fail are all of one key. */
  readonly keys: number;
  readonly kills: number;
  readonly random: () => number;
}

export interface ConsumeReport extends WorkVerdict {
  readonly kills: number;
  /** Parked, as the server counts, before and after they were put back for consumers who let everything succeed. */
  readonly parkedBefore: number;
  readonly parkedAfter: number;
  /** Parked events that were not handled when they were put back. */
  readonly notReplayed: number;
  /** Acknowledged by the server at the end: neither waiting nor in flight. */
  readonly isDone: boolean;
}

/**
 * Lets consumers in processes of their own work on a subscription whose events are handled in order of their key,
 * and kills one after the other with SIGKILL. A replacement comes under the same name or under a new one.
 */
export async function killConsumers(plan: ConsumePlan): Promise<ConsumeReport> {
  const { events, kills, random } = plan;
  await using server = await startServerProcess({ dataDir: plan.dataDir });
  await using client = createClient({ target: server.target });
  await client.events.subscriptions.create({
    name: SUBSCRIPTION,
    from: "beginning",
    orderedByKey: true,
    ackDeadlineMs: 2_000,
    minRetryDelayMs: 5,
    maxRetryDelayMs: 50,
  });
  const items = Array.from({ length: events }, (_, n) => workItem(n, random));
  const lines: WorkLine[] = [];
  const start = (id: string): Consumer =>
    startConsumer({ target: server.target, id, mood: "obey", onLine: (line) => lines.push(line) });
  const consumers = Array.from({ length: CONSUMERS }, (_, n) => start(`consumer-${String(n)}`));
  const published = publish(client, items, plan.keys);
  for (let n = 0; n < kills; n++) {
    await sleep(random() * MAX_PAUSE_MS);
    const index = Math.floor(random() * CONSUMERS);
    const killed = consumers[index] as Consumer;
    await killed.kill();
    consumers[index] = start(random() < 0.5 ? killed.id : `replacement-${String(n)}`);
  }
  await published;
  const before = await untilDone(client);
  for (const consumer of consumers) await consumer.stop();
  const replayed = await replay(server.target, client);
  const after = await untilDone(client);
  return {
    kills,
    ...judgeWork(items, lines),
    parkedBefore: before.parked,
    parkedAfter: after.parked,
    notReplayed: items.filter((item) => isToPark(item) && !replayed.has(item.n)).length,
    isDone: after.backlog === 0 && after.inFlight === 0,
  };
}

async function publish(client: StreamingClient, items: readonly WorkItem[], keys: number): Promise<void> {
  await using publisher = client.events.publisher();
  for (const item of items) {
    void publisher.publish({ type: "work", key: `key-${String(item.n % keys)}`, json: item });
    await publisher.ready();
  }
  await publisher.flush();
}

/** Resolves when nothing waits and nothing is in flight, or after a minute in which that does not come. */
async function untilDone(client: StreamingClient): Promise<SubscriptionStats> {
  const endsAt = performance.now() + END_MS;
  for (;;) {
    const { stats } = await client.events.subscriptions.get(SUBSCRIPTION);
    if ((stats.backlog === 0 && stats.inFlight === 0) || performance.now() > endsAt) return stats;
    await sleep(POLL_MS);
  }
}

/** Puts parked events back for a consumer that lets everything succeed; gives the numbers of those it handled. */
async function replay(target: string, client: StreamingClient): Promise<ReadonlySet<number>> {
  const handled = new Set<number>();
  const handledOne = tally();
  const onLine = ({ what, n }: WorkLine): void => {
    if (what !== "succeeded") return;
    handled.add(n);
    handledOne.add();
  };
  const consumer = startConsumer({ target, id: "last", mood: "succeed", onLine });
  const count = await client.events.subscriptions.replayParked(SUBSCRIPTION);
  await within(handledOne.reached(count), "what was parked is handled", END_MS).catch(console.error);
  await consumer.stop();
  return handled;
}
