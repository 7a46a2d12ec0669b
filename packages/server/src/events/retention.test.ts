import { describe, expect, it } from "@jest/globals";

import { MemoryEventLog } from "../adapters/memory/memory-event-log.js";
import type { EventLog } from "../ports/event-log.js";
import { ManualClock } from "../testing/manual-clock.js";
import { RecordingLogger } from "../testing/recording-logger.js";

import { draftOf } from "./event-message.js";
import type { EventsLimits } from "./events-deps.js";
import { allEvents, eventOf, logWith } from "./events-fixture.test.support.js";
import { resolveEventsLimits } from "./events-limits.js";
import { retentionUpkeep } from "./retention.js";

const HOUR_MS = 3_600_000;

/** Retention that has begun, over a log in memory, with a clock that nobody else uses. */
class Swept implements AsyncDisposable {
  readonly clock = new ManualClock(Date.UTC(2026, 0, 1));
  readonly logger = new RecordingLogger();
  readonly log = new MemoryEventLog({ clock: this.clock });
  readonly #upkeep: AsyncDisposable;

  constructor(limits: Partial<EventsLimits>, methods: Partial<EventLog> = {}) {
    const { clock, logger } = this;
    const log = logWith(this.log, methods);
    this.#upkeep = retentionUpkeep({ log, clock, logger, limits: resolveEventsLimits("limits", limits) });
  }

  /** Stores events with 100 bytes of payload, each by itself. */
  async store(...ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      await this.log.append({ stream: "s", events: [draftOf(eventOf({ id, payload: new Uint8Array(100) }))] });
    }
  }

  async ids(): Promise<string[]> {
    return (await allEvents(this.log)).events.map(({ id }) => id);
  }

  /** Waits until the round is done. */
  async roundDone(): Promise<void> {
    while (this.clock.timers === 0) await new Promise((resolve) => setImmediate(resolve));
  }

  async nextRound(): Promise<void> {
    await this.roundDone();
    this.clock.advance(10_000);
    await this.roundDone();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#upkeep[Symbol.asyncDispose]();
    await this.log[Symbol.asyncDispose]();
  }
}

describe("retention", () => {
  it("removes events that are older than they may be", async () => {
    await using swept = new Swept({ maxAgeMs: HOUR_MS });
    await swept.store("old");
    swept.clock.advance(HOUR_MS / 2);
    await swept.store("new");
    await swept.roundDone();
    swept.clock.advance(HOUR_MS / 2);
    await swept.nextRound();
    expect(await swept.ids()).toEqual(["new"]);
  });

  it("removes the oldest events beyond their number", async () => {
    await using swept = new Swept({ maxEvents: 2 });
    await swept.store("a", "b", "c");
    await swept.nextRound();
    expect(await swept.ids()).toEqual(["b", "c"]);
  });

  it("removes the oldest events beyond the sum of their bytes", async () => {
    await using swept = new Swept({ maxBytes: 200 });
    await swept.store("a", "b", "c");
    await swept.nextRound();
    expect(await swept.ids()).toEqual(["b", "c"]);
  });

  it("goes on until nothing more may go", async () => {
    const outcomes = [3, 2, 0];
    await using swept = new Swept({ maxEvents: 1 }, { trim: async () => outcomes.shift() ?? 99 });
    await swept.roundDone();
    expect(outcomes).toEqual([]);
  });

  it("tries again after a failure", async () => {
    let trims = 0;
    const trim = (): Promise<never> => {
      trims++;
      return Promise.reject(new Error("the disk is gone"));
    };
    await using swept = new Swept({ maxEvents: 1 }, { trim });
    await swept.nextRound();
    expect(trims).toBe(2);
    expect(swept.logger.lines.map(({ message }) => message)).toEqual([
      "removing old events failed; trying again later",
      "removing old events failed; trying again later",
    ]);
  });

  it("does not even look if everything is kept", async () => {
    let trims = 0;
    await using swept = new Swept({}, { trim: async () => trims++ });
    expect([trims, swept.clock.timers]).toEqual([0, 0]);
  });

  it("leaves no timer behind", async () => {
    const swept = new Swept({ maxEvents: 1 });
    await swept.roundDone();
    await swept[Symbol.asyncDispose]();
    expect(swept.clock.timers).toBe(0);
  });
});
