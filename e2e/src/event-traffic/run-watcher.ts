import type { EventWatch, StreamingClient } from "@millrace/client-sdk";

import type { WatchJournal, WatchRecord, WatchSession } from "../event-journal/event-journal.js";
import { journalEvent, sessionAfter, WatchLog } from "./watch-log.js";
import type { WatchPlan } from "./watch-plans.js";

/** A watcher at work, and what it has written down. */
export interface RunningWatcher {
  readonly journal: WatchJournal;
  /** How many times its streams were opened. */
  readonly attempts: number;
  /** Resolves once an event of at least this sequence has been handed over; rejects if the watch fails before. */
  reached(sequence: number): Promise<void>;
  /** Ends the watch. Rejects with what it failed with. */
  stop(): Promise<void>;
}

/**
 * Starts a watcher of the SDK. It keeps the token of what it was handed last; torn down by its plan, it goes
 * on from there. Resolves when everything that is published from now on will be seen.
 */
export async function runWatcher(
  client: StreamingClient,
  plan: WatchPlan,
  random: () => number,
): Promise<RunningWatcher> {
  const watcher = new SdkWatcher(client, plan, random);
  await watcher.begin();
  return watcher;
}

class SdkWatcher implements RunningWatcher {
  readonly journal: WatchJournal;
  readonly #client: StreamingClient;
  readonly #plan: WatchPlan;
  readonly #random: () => number;
  readonly #log = new WatchLog();
  #watch: EventWatch | undefined;
  #record: (record: WatchRecord) => void = () => {};
  #attemptsBefore = 0;
  #stopping = false;
  #ended: Promise<void> = Promise.resolve();

  constructor(client: StreamingClient, plan: WatchPlan, random: () => number) {
    this.#client = client;
    this.#plan = plan;
    this.#random = random;
    this.journal = { name: plan.name, wants: plan.wants, sessions: this.#log.sessions };
  }

  get attempts(): number {
    return this.#attemptsBefore + (this.#watch?.attempts ?? 0);
  }

  async begin(): Promise<void> {
    const watch = this.#open(this.#plan.start === "live" ? "end" : "beginning");
    await watch.ready;
    this.#record = this.#log.open(await this.#firstSession());
    this.#ended = this.#run(watch);
    this.#ended.catch(() => {}); // told by `reached` and `stop`
  }

  async reached(sequence: number): Promise<void> {
    const early = this.#ended.then(() => {
      throw new Error(`${this.#plan.name}: the watch ended`);
    });
    await Promise.race([this.#log.reached(sequence), early]);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#watch?.cancel();
    await this.#ended;
  }

  async #run(first: EventWatch): Promise<void> {
    for (let watch = first; ; watch = this.#resume()) {
      await this.#drain(watch);
      if (this.#stopping) return;
      const end = await watch.closed;
      if (end.type !== "cancelled") throw new Error(`${this.#plan.name}: the watch is ${end.type}`);
    }
  }

  /** Takes events until the plan's time to tear the watch down has come. */
  async #drain(watch: EventWatch): Promise<void> {
    let left = 1 + Math.floor(this.#random() * (this.#plan.restartAfterEvents ?? Infinity));
    for await (const event of watch) {
      this.#record({ kind: "event", event: journalEvent(event), resumeToken: event.resumeToken });
      left--;
      if (left === 0 || this.#stopping) break;
    }
  }

  #resume(): EventWatch {
    const session = sessionAfter(this.#log.last);
    this.#record = this.#log.open(session);
    return this.#open(session.resumeToken ?? "beginning");
  }

  #open(from: string): EventWatch {
    this.#attemptsBefore = this.attempts;
    this.#watch = this.#client.events.watch({
      ...this.#plan.selection,
      from,
      heartbeatMs: 1000,
      onCaughtUp: ({ sequence, resumeToken }) => this.#record({ kind: "bookmark", sequence, resumeToken }),
    });
    return this.#watch;
  }

  async #firstSession(): Promise<Omit<WatchSession, "records">> {
    if (this.#plan.start === "beginning") return sessionAfter(undefined);
    const { lastSequence } = await this.#client.events.info();
    return { start: "live", after: lastSequence };
  }
}
