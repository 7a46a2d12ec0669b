import { setTimeout as sleep } from "node:timers/promises";

import { createClient, type EventWatch, type StreamingClient } from "@millrace/client-sdk";

import { Ages } from "./slow-watcher/ages.js";
import { ageOf } from "./slow-watcher/load.js";
import { RemotePublisher } from "./slow-watcher/remote-publisher.js";
import type { ServerProcess } from "./support/server-process.js";

export interface SlowWatcherPlan {
  readonly fastWatchers: number;
  /** Events that are offered per second; less if the machine cannot take so many. */
  readonly eventsPerSecond: number;
  /** Each fast watcher asks for one type of so many. */
  readonly types: number;
  /** Before anything is measured: the server fills its buffers and the engine warms up. */
  readonly warmUpMs: number;
  /** Phases, alternately without and with a stalled watcher. */
  readonly phases: number;
  readonly phaseMs: number;
}

/** One phase. */
export interface WatchPhase {
  readonly stalled: boolean;
  readonly p99Ms: number;
  readonly offeredPerSecond: number;
  /** To all fast watchers together, while it lasted. */
  readonly deliveredPerSecond: number;
  /** Of what the fast watchers were to get while it lasted, what they got: below 1 they fell behind. */
  readonly keptUp: number;
  /** Largest memory of the server. */
  readonly residentPeak: number;
}

export interface SlowWatcherReport {
  readonly phases: readonly WatchPhase[];
  /** What was offered, after the warm-up had shown what the machine can take. */
  readonly eventsPerSecond: number;
  /** p99 with the stalled watcher to p99 without: medians of the phases. */
  readonly p99Ratio: number;
  /** Of the phase in which the fast watchers kept up the least: without that, p99 says how long a phase was. */
  readonly keptUp: number;
  /** From the peak of the first phase to that of all later ones, in bytes. */
  readonly residentGrowth: number;
}

const TICK_MS = 5;

/** A rate is borne if so many times as much is. */
const HEADROOM = 1.25;

/** If a rate cannot be borne, this part of it is tried next, so many times. */
const LOWER = 0.75;
const MAX_TRIES = 6;

/** Of what was to be offered, or delivered, in a phase. */
const KEPT_UP = 0.95;

/** At the beginning of a phase, under load, before anything is measured. */
const SETTLE_MS = 2_000;

/** What was offered has come to everybody after this long, or something hangs. */
const CATCH_UP_MS = 180_000;

const MEMORY_PROBE_MS = 250;

/** Measures how long events take to fast watchers, with and without one that has stopped reading all events. */
export async function measureSlowWatcher(server: ServerProcess, plan: SlowWatcherPlan): Promise<SlowWatcherReport> {
  await using watching = createClient({ target: server.target });
  await using publisher = new RemotePublisher(server.target);
  const ages = new Ages();
  const watches = Array.from({ length: plan.fastWatchers }, (_, n) => watchFast(watching, n % plan.types, ages));
  await Promise.all(watches.map(({ watch }) => watch.ready));
  await warmUp(publisher, plan, ages);
  const measure = (eventsPerSecond: number, stalled = false): Promise<WatchPhase> =>
    measurePhase(server, publisher, { ...plan, eventsPerSecond }, { stalled, ages });
  const eventsPerSecond = await bearableRate(measure, plan);
  const phases: WatchPhase[] = [];
  for (let n = 0; n < plan.phases; n++) {
    await using stack = new AsyncDisposableStack();
    const stalled = n % 2 === 1;
    if (stalled) stack.use(await stallWatcher(server.target));
    phases.push(await measure(eventsPerSecond, stalled));
  }
  for (const { watch } of watches) watch.cancel();
  await Promise.all(watches.map(({ ended }) => ended));
  return { eventsPerSecond, ...reportOf(phases) };
}

/** Half the rate comes first: what the engine has not optimized yet would let the watchers fall behind at once. */
async function warmUp(publisher: RemotePublisher, plan: SlowWatcherPlan, ages: Ages): Promise<void> {
  for (const share of [0.5, 1]) {
    const load = { ...plan, eventsPerSecond: share * plan.eventsPerSecond, ms: share * plan.warmUpMs };
    await untilDelivered(ages, ages.count + (await publisher.offer(load)) * readersPerEvent(plan));
    ages.clear();
  }
}

/**
 * What is asked for, or a part of it: the server has to take some more than that, and the watchers to keep up. At the limit of the
 * machine latencies differ from phase to phase by more than what is to be shown.
 */
async function bearableRate(measure: (rate: number) => Promise<WatchPhase>, plan: SlowWatcherPlan): Promise<number> {
  let rate = plan.eventsPerSecond;
  for (let tries = 0; tries < MAX_TRIES; tries++, rate *= LOWER) {
    const { keptUp, offeredPerSecond } = await measure(HEADROOM * rate);
    if (keptUp >= KEPT_UP && offeredPerSecond >= KEPT_UP * HEADROOM * rate) break;
  }
  return rate;
}

function readersPerEvent({ fastWatchers, types }: SlowWatcherPlan): number {
  return fastWatchers / types;
}

/** Waits until the watchers have got so many events. */
async function untilDelivered(ages: Ages, count: number): Promise<void> {
  const endsAt = performance.now() + CATCH_UP_MS;
  while (ages.count < count) {
    if (performance.now() > endsAt) throw new Error(`${String(count - ages.count)} events have not come`);
    await sleep(TICK_MS);
  }
}

function reportOf(phases: readonly WatchPhase[]): Omit<SlowWatcherReport, "eventsPerSecond"> {
  const p99Of = (stalled: boolean): number =>
    median(phases.filter((phase) => phase.stalled === stalled).map(({ p99Ms }) => p99Ms));
  const [first, ...later] = phases.map(({ residentPeak }) => residentPeak);
  return {
    phases,
    p99Ratio: p99Of(true) / p99Of(false),
    keptUp: Math.min(...phases.map(({ keptUp }) => keptUp)),
    residentGrowth: Math.max(...later) - (first ?? 0),
  };
}

async function measurePhase(
  server: ServerProcess,
  publisher: RemotePublisher,
  plan: SlowWatcherPlan,
  { stalled, ages }: { readonly stalled: boolean; readonly ages: Ages },
): Promise<WatchPhase> {
  // A watcher who has just stopped is still sent what its windows hold, and one who has gone is cleared away.
  await untilDelivered(ages, ages.count + (await publisher.offer({ ...plan, ms: SETTLE_MS })) * readersPerEvent(plan));
  ages.clear();
  const probe = probeMemory(server);
  const startedAt = performance.now();
  const offered = await publisher.offer({ ...plan, ms: plan.phaseMs });
  const seconds = (performance.now() - startedAt) / 1000;
  const delivered = ages.count;
  const residentPeak = await probe.stop();
  await untilDelivered(ages, offered * readersPerEvent(plan));
  return {
    stalled,
    p99Ms: ages.percentile(0.99),
    offeredPerSecond: offered / seconds,
    deliveredPerSecond: delivered / seconds,
    keptUp: delivered / ages.count,
    residentPeak,
  };
}

interface FastWatch {
  readonly watch: EventWatch;
  /** Rejects with what the watch failed with. */
  readonly ended: Promise<void>;
}

function watchFast(client: StreamingClient, type: number, ages: Ages): FastWatch {
  const watch = client.events.watch({ types: [`type-${String(type)}`] });
  const listen = async (): Promise<void> => {
    for await (const { payload } of watch) ages.add(ageOf(payload));
  };
  const ended = listen();
  ended.catch(() => {}); // told at the end
  return { watch, ended };
}

/** Watches everything, takes one event, and no more. */
async function stallWatcher(target: string): Promise<AsyncDisposable> {
  const client = createClient({ target });
  const watch = client.events.watch({ from: "beginning" });
  await watch[Symbol.asyncIterator]().next();
  return { [Symbol.asyncDispose]: () => client.close() };
}

function probeMemory(server: ServerProcess): { stop(): Promise<number> } {
  const stopping = new AbortController();
  const probing = (async () => {
    let peak = 0;
    while (!stopping.signal.aborted) {
      peak = Math.max(peak, await server.residentBytes());
      await sleep(MEMORY_PROBE_MS);
    }
    return peak;
  })();
  return {
    stop() {
      stopping.abort();
      return probing;
    },
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
