import { writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { createClient, Park, type WatchedEvent } from "@millrace/client-sdk";

import { SUBSCRIPTION, type WorkItem, type WorkLine } from "./consume-kills/work.js";

// A consumer in a process of its own, to be killed: `consumer-process.js TARGET CONSUMER_ID obey|succeed`.
// It says what it does before it does it, and in a way that survives it.

const [, , target = "", consumerId = "", mood] = process.argv;

function say(what: WorkLine["what"], { key, sequence }: WatchedEvent, { n }: WorkItem, attempt: number): void {
  const line: WorkLine = { what, n, key, sequence, attempt, at: String(process.hrtime.bigint()) };
  writeSync(1, `${JSON.stringify(line)}\n`);
}

const client = createClient({ target, resume: { backoff: { initialMs: 10, maxMs: 200 } } });
const subscription = client.events.subscribe(
  SUBSCRIPTION,
  async (event, { attempt }) => {
    const item = event.json() as WorkItem;
    say("started", event, item, attempt);
    await sleep(item.ms);
    const task = mood === "succeed" ? "succeed" : item.task;
    if (task === "park") {
      say("parked", event, item, attempt);
      throw new Park("this one is not for us");
    }
    if (task === "fail always" || (task === "fail once" && attempt === 1)) {
      say("failed", event, item, attempt);
      throw new Error("not this time");
    }
    say("succeeded", event, item, attempt);
  },
  { concurrency: 8, heartbeatMs: 1000, consumerId },
);
process.once("SIGTERM", () => {
  void subscription
    .close()
    .then(() => client.close())
    .then(() => process.exit());
});
