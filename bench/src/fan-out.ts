import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";

import { encodeMessage, WatchRequest } from "@millrace/shared-types";

import { type ContenderName, startContender } from "./contenders/start-contender.js";
import { ageMs, eventsToPublish } from "./events-to-publish.js";
import { FrameCounter } from "./frame-counter.js";
import { connectEvents, type EventService } from "./publish-load.js";
import { median, percentile, rounded } from "./statistics.js";
import { writeResults } from "./write-results.js";

const CONTENDERS = ["encode per watcher", "millrace in memory", "millrace"] as const satisfies ContenderName[];
type Contender = (typeof CONTENDERS)[number];

const WATCHERS = [100, 1000];

/** Rounds in which every contender runs once. */
const ROUNDS = 5;
const RUN_MS = 3_000;
const WARM_UP_MS = 1_000;
/** At half load, before latencies are taken: what full load has left behind is not half load. */
const SETTLE_MS = 2_000;

const WATCH_PATH = "/streaming.v1.StreamingService/WatchEvents";

/** What the server lets one connection have by default. */
const CALLS_PER_CONNECTION = 100;

/** What is under way at most, so that the server never waits for the publisher, and events of one publication. */
const WINDOW_DELIVERIES = 200_000;
const WINDOW_PUBLICATIONS = 16;
const PUBLISH_EVENTS = 10;

/** How often the publisher looks whether something is due at half load, in milliseconds. */
const TICK_MS = 5;

/** P6 of PERFORMANCE. */
const TARGET = { ratio: 4, p99Ms: 50 };

interface Measured {
  readonly deliveriesPerSecond: number;
  readonly deliveriesPerCpuSecond: number;
  /** At half of that rate; only ours. */
  readonly p99Ms: number | undefined;
}

/** Watchers that only count, over as few connections as the server allows. */
class Watchers implements Disposable {
  /** How old events were when they came to the watchers of the first connection, in milliseconds: one of ten. */
  readonly ages: number[] = [];
  /** Whether ages are taken. */
  sampling = false;
  readonly #counters: FrameCounter[] = [];
  #seen = 0;

  static async open(port: number, count: number): Promise<Watchers> {
    const watchers = new Watchers();
    for (let left = count; left > 0; left -= CALLS_PER_CONNECTION) {
      await watchers.#connect(port, Math.min(left, CALLS_PER_CONNECTION));
    }
    return watchers;
  }

  get messages(): number {
    return this.#counters.reduce((sum, { messages }) => sum + messages, 0);
  }

  [Symbol.dispose](): void {
    for (const counter of this.#counters) counter[Symbol.dispose]();
  }

  async #connect(port: number, calls: number): Promise<void> {
    const onMessage = (bytes: Buffer, start: number): void => {
      if (this.sampling && this.#seen++ % 10 === 0) this.ages.push(ageMs(bytes, start));
    };
    const counter = await FrameCounter.open(port, this.#counters.length === 0 ? { onMessage } : {});
    this.#counters.push(counter);
    const request = encodeMessage(WatchRequest, WatchRequest.fromPartial({}));
    for (let call = 0; call < calls; call++) counter.call(WATCH_PATH, request);
    await counter.untilOpened(calls);
  }
}

/** Publishes, and keeps nothing of what is done: answers of whole seconds would have the benchmark collect its own garbage. */
class Publisher {
  readonly #events: EventService;
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(events: EventService) {
    this.#events = events;
  }

  /** Publications that are not acknowledged yet. */
  get underWay(): number {
    return this.#underWay.size;
  }

  publish(): void {
    const publication = this.#events.publish({ events: eventsToPublish(PUBLISH_EVENTS) }).then(() => {
      this.#underWay.delete(publication);
    });
    this.#underWay.add(publication);
  }

  async untilDone(): Promise<void> {
    await Promise.all(this.#underWay);
  }
}

/** Publishes as fast as the watchers get it, for so long; gives the deliveries. */
async function saturate(events: EventService, watchers: Watchers, count: number, ms: number): Promise<number> {
  const before = watchers.messages;
  const endsAt = performance.now() + ms;
  const publisher = new Publisher(events);
  let due = before;
  while (performance.now() < endsAt) {
    if (due - watchers.messages < WINDOW_DELIVERIES && publisher.underWay < WINDOW_PUBLICATIONS) {
      due += PUBLISH_EVENTS * count;
      publisher.publish();
    } else await nextTurn();
  }
  const delivered = watchers.messages - before;
  await publisher.untilDone();
  while (watchers.messages < due) await nextTurn();
  return delivered;
}

/** Publishes at a rate, without and then with a look at the watchers; gives the 99th percentile of ages. */
async function p99At(events: EventService, watchers: Watchers, rate: number): Promise<number> {
  await offer(events, rate, SETTLE_MS);
  watchers.sampling = true;
  await offer(events, rate, RUN_MS);
  watchers.sampling = false;
  return percentile(watchers.ages, 0.99);
}

/** Publishes so many events per second, for so long, whatever becomes of them. */
async function offer(events: EventService, rate: number, ms: number): Promise<void> {
  const startedAt = performance.now();
  const publisher = new Publisher(events);
  let published = 0;
  for (let elapsed = 0; elapsed < ms; elapsed = performance.now() - startedAt) {
    for (; published + PUBLISH_EVENTS <= (rate * elapsed) / 1000; published += PUBLISH_EVENTS) publisher.publish();
    await sleep(TICK_MS);
  }
  await publisher.untilDone();
}

async function measure(name: Contender, count: number): Promise<Measured> {
  await using server = await startContender(name);
  await using client = connectEvents(server.target);
  using watchers = await Watchers.open(server.port, count);
  await saturate(client.events, watchers, count, WARM_UP_MS);
  const [cpuBefore, startedAt] = [(await server.usage()).cpuSeconds, performance.now()];
  const deliveries = await saturate(client.events, watchers, count, RUN_MS);
  const seconds = (performance.now() - startedAt) / 1000;
  const cpuSeconds = (await server.usage()).cpuSeconds - cpuBefore;
  const rate = deliveries / seconds / count / 2;
  const p99Ms = name === "encode per watcher" ? undefined : await p99At(client.events, watchers, rate);
  return { deliveriesPerSecond: deliveries / seconds, deliveriesPerCpuSecond: deliveries / cpuSeconds, p99Ms };
}

/** All take turns, so that drift of the machine hits all alike. */
async function measureAll(count: number): Promise<Record<Contender, Measured[]>> {
  const found = Object.fromEntries(CONTENDERS.map((name) => [name, [] as Measured[]])) as Record<Contender, Measured[]>;
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of CONTENDERS) found[name].push(await measure(name, count));
  }
  return found;
}

function rowsOf(count: number, found: Readonly<Record<Contender, readonly Measured[]>>): Record<string, unknown>[] {
  const stock = found["encode per watcher"];
  return CONTENDERS.map((name) => {
    const of = (field: keyof Measured): number[] => found[name].map((measured) => measured[field] ?? Number.NaN);
    const ratio = median(
      of("deliveriesPerSecond").map((ours, round) => ours / (stock[round]?.deliveriesPerSecond ?? 0)),
    );
    const p99Ms = median(of("p99Ms"));
    const met = ratio >= TARGET.ratio && p99Ms <= TARGET.p99Ms;
    return {
      watchers: count,
      server: name,
      "deliveries/s": rounded(median(of("deliveriesPerSecond"))),
      "deliveries per CPU second": rounded(median(of("deliveriesPerCpuSecond"))),
      ratio: rounded(ratio, 2),
      "p99 ms at half load": rounded(p99Ms, 1),
      target: name === "encode per watcher" ? "" : `${TARGET.ratio}, ${TARGET.p99Ms} ms ${met ? "met" : "MISSED"}`,
    };
  });
}

const rows: Record<string, unknown>[] = [];
for (const count of WATCHERS) rows.push(...rowsOf(count, await measureAll(count)));
console.table(rows);
writeResults("fan-out", { rows });
