import { type ClientOptions, createClient, type StreamingClient } from "@millrace/client-sdk";
import { type Tally, tally, within } from "@millrace/client-sdk/testing";

import type { Acknowledgement, EventJournal, JournalEvent } from "../event-journal/event-journal.js";
import { runPublisher } from "./run-publisher.js";
import { runWatcher, type RunningWatcher } from "./run-watcher.js";
import { runWireWatcher, WIRE_PLANS } from "./run-wire-watcher.js";
import { journalEvent } from "./watch-log.js";
import { WATCH_PLANS } from "./watch-plans.js";

/** How long watchers may need to catch up when all is quiet, in milliseconds. */
const CATCH_UP_MS = 60_000;

export interface EventTrafficOptions {
  readonly client: ClientOptions;
  readonly publishers: number;
  readonly random: () => number;
}

/** What the traffic came to. */
export interface TrafficReport {
  readonly journal: EventJournal;
  /** Publications that the server had stored before the acknowledgement that arrived. */
  readonly duplicateAcknowledgements: number;
  /** How many times the watchers' streams were opened. */
  readonly watchAttempts: number;
}

/** Publishers and watchers at work. */
export interface EventTraffic {
  /** Events acknowledged so far. */
  readonly acknowledged: number;
  /** Resolves with the next one. */
  nextAcknowledgement(): Promise<void>;
  /** Stops publishing, reads everything back and waits until all watchers have been handed what they want of it. */
  finish(): Promise<TrafficReport>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts publishers, some of them pipelined, 4 watchers of the SDK and 2 of the wire, over a client each. */
export async function openEventTraffic(options: EventTrafficOptions): Promise<EventTraffic> {
  const [publishing, watching] = [createClient(options.client), createClient(options.client)];
  const watchers = WIRE_PLANS.map((plan) => runWireWatcher(watching, plan));
  for (const plan of WATCH_PLANS) watchers.push(await runWatcher(watching, plan, options.random));
  return new Traffic(publishing, watching, watchers, options);
}

class Traffic implements EventTraffic {
  readonly #acknowledged: Acknowledgement[] = [];
  readonly #acknowledgements: Tally = tally();
  readonly #publishing: StreamingClient;
  readonly #watching: StreamingClient;
  readonly #watchers: readonly RunningWatcher[];
  readonly #stopping = new AbortController();
  readonly #published: Promise<unknown>;
  #duplicates = 0;

  constructor(
    publishing: StreamingClient,
    watching: StreamingClient,
    watchers: readonly RunningWatcher[],
    { publishers, random }: EventTrafficOptions,
  ) {
    this.#publishing = publishing;
    this.#watching = watching;
    this.#watchers = watchers;
    const onAcknowledged = (event: Acknowledgement, duplicate: boolean): void => {
      this.#acknowledged.push(event);
      this.#acknowledgements.add();
      if (duplicate) this.#duplicates++;
    };
    const running = Array.from({ length: publishers }, (_, n) => {
      const one = { name: `publisher-${String(n)}`, pipelined: n % 4 === 3, random, onAcknowledged };
      return runPublisher(publishing, one, this.#stopping.signal);
    });
    this.#published = Promise.all(running);
    this.#published.catch(() => {}); // told by `finish`
  }

  get acknowledged(): number {
    return this.#acknowledged.length;
  }

  nextAcknowledgement(): Promise<void> {
    return this.#acknowledgements.reached(this.#acknowledgements.count + 1);
  }

  async finish(): Promise<TrafficReport> {
    this.#stopping.abort();
    await within(this.#published, "the publishers have come to an end", CATCH_UP_MS);
    const stored = await this.#readBack();
    await this.#untilCaughtUp(stored);
    for (const watcher of this.#watchers) await watcher.stop();
    return {
      journal: { acknowledged: this.#acknowledged, stored, watches: this.#watchers.map(({ journal }) => journal) },
      duplicateAcknowledgements: this.#duplicates,
      watchAttempts: this.#watchers.reduce((sum, { attempts }) => sum + attempts, 0),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#publishing.close();
    await this.#watching.close();
  }

  async #readBack(): Promise<JournalEvent[]> {
    const stored: JournalEvent[] = [];
    for await (const event of this.#publishing.events.read()) stored.push(journalEvent(event));
    return stored;
  }

  /** A watcher that does not get there is judged by its journal. */
  async #untilCaughtUp(stored: readonly JournalEvent[]): Promise<void> {
    const caughtUp = this.#watchers.map((watcher) => {
      const last = stored.findLast((event) => watcher.journal.wants(event));
      return watcher.reached(last?.sequence ?? 0);
    });
    await within(Promise.allSettled(caughtUp), "the watchers have caught up", CATCH_UP_MS).catch((error: unknown) =>
      console.error(error),
    );
  }
}
