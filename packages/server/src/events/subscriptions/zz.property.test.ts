import { randomInt } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";

import { describe, expect, it } from "@jest/globals";
import { NackAction } from "@millrace/shared-types";
import fc from "fast-check";

import { MemoryRecordStore } from "../../adapters/memory/memory-record-store.js";
import { contextOf } from "../../files/files-fixture.test.support.js";
import type { Mutation, RecordStore, ScanOptions, StoredRecord } from "../../ports/record-store.js";
import { append } from "../feed-fixture.test.support.js";

import { replayParked } from "./replay-parked.js";
import type { Stores, SubscriptionsFixture } from "./subscriptions-fixture.test.support.js";
import {
  create,
  NAME,
  newStores,
  openFixture,
  settled,
  statsOf,
  TestConsumer,
} from "./subscriptions-fixture.test.support.js";
import { ModelledConsumer, SubscriptionModel } from "./subscriptions-model.test.support.js";

const SLOTS = 3;
const MAX_ATTEMPTS = 5;

/** Far more than one good consumer needs for everything that a run publishes. */
const MAX_ROUNDS = 2000;

/** What one process sees of a record store: commits take a while, and after a crash none arrives. */
class ProcessRecords implements RecordStore {
  readonly #store: RecordStore;
  readonly #onParked: (sequence: number) => void;
  #crashed = false;

  constructor(store: RecordStore, onParked: (sequence: number) => void) {
    this.#store = store;
    this.#onParked = onParked;
  }

  crash(): void {
    this.#crashed = true;
  }

  get(collection: string, key: string): Promise<StoredRecord | undefined> {
    return this.#store.get(collection, key);
  }

  scan(collection: string, options: ScanOptions): Promise<readonly StoredRecord[]> {
    return this.#store.scan(collection, options);
  }

  async commit(mutations: readonly Mutation[]): Promise<void> {
    await turn();
    if (this.#crashed) throw new Error("the process is gone");
    for (const { collection, value } of mutations) {
      if (collection === "parkedevents" && value !== undefined) this.#onParked(sequenceOf(value));
    }
    await this.#store.commit(mutations);
    await turn();
    if (this.#crashed) throw new Error("the process is gone");
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

function sequenceOf(parked: string): number {
  return (JSON.parse(parked) as { readonly sequence: number }).sequence;
}

const slot = fc.nat(SLOTS - 1);
const index = fc.nat(20);

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("publish" as const),
      keys: fc.array(fc.constantFrom("", "k", "l", "m"), { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("connect" as const),
      slot,
      named: fc.boolean(),
      maxInFlight: fc.integer({ min: 1, max: 6 }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("ack" as const), slot, index }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("ackUpTo" as const), slot, index }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("nack" as const),
      slot,
      index,
      action: fc.constantFrom(NackAction.RETRY, NackAction.PARK, NackAction.SKIP, NackAction.RETRY),
      seconds: fc.nat(20),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("extend" as const), slot, index, seconds: fc.integer({ min: 1, max: 30 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("advance" as const), ms: fc.nat(15_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("kill" as const), slot }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("halfClose" as const), slot }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("replay" as const), limit: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const), crash: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("breathe" as const), turns: fc.nat(8) }) },
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** A subscription with everything that can happen to it. */
class World {
  readonly #stores: Stores = newStores({ records: new MemoryRecordStore() });
  readonly #model = new SubscriptionModel();
  readonly #consumers = new Map<number, ModelledConsumer>();
  /** Streams that have ended or will: what they were told counts all the same. */
  readonly #former: ModelledConsumer[] = [];
  #process = this.#newProcess();
  #fixture: SubscriptionsFixture | undefined;

  async start(): Promise<void> {
    this.#fixture = await openFixture({ ...this.#stores, records: this.#process });
  }

  async createSubscription(): Promise<void> {
    await create(this.#server, {
      orderedByKey: true,
      maxDeliveryAttempts: MAX_ATTEMPTS,
      ackDeadline: { seconds: 10, nanos: 0 },
    });
  }

  async run(one: Step): Promise<void> {
    switch (one.do) {
      case "publish":
        await this.#publish(one.keys);
        break;
      case "connect":
        this.#connect(one.slot, one.named ? `consumer-${String(one.slot)}` : "", one.maxInFlight);
        break;
      case "ack":
        this.#consumers.get(one.slot)?.ack(one.index);
        break;
      case "ackUpTo":
        this.#consumers.get(one.slot)?.ackUpTo(one.index);
        break;
      case "nack":
        this.#consumers.get(one.slot)?.nack(one.index, one.action, one.seconds);
        break;
      case "extend":
        this.#consumers.get(one.slot)?.extend(one.index, one.seconds);
        break;
      case "advance":
        this.#stores.clock.advance(one.ms);
        break;
      case "kill":
        this.#consumers.get(one.slot)?.stream.abort();
        break;
      case "halfClose":
        this.#consumers.get(one.slot)?.stream.halfClose();
        break;
      case "replay":
        await replayParked({ name: NAME, limit: one.limit }, contextOf(), this.#server.deps);
        break;
      case "restart":
        await this.#restart(one.crash);
        break;
      case "breathe":
        for (let turns = 0; turns < one.turns; turns += 1) await turn();
    }
    this.#hear();
  }

  /** After all that, one good consumer finishes the work. */
  async finish(): Promise<void> {
    await this.#restart(false);
    this.#connect(0, "", 1000);
    for (let quiet = 0, rounds = 0; quiet < 3; rounds += 1) {
      if (rounds === MAX_ROUNDS) throw new Error("the work does not end");
      await settled();
      this.#hear();
      const { backlog, inFlight } = await statsOf(this.#server);
      quiet = backlog + inFlight === 0 ? quiet + 1 : 0;
      this.#consumers.get(0)?.ackUpTo(1_000_000);
      this.#consumers.get(0)?.ack(0);
      this.#stores.clock.advance(20_000);
    }
    const stats = await statsOf(this.#server);
    const parked = await this.#stores.records.scan("parkedevents", { limit: 10_000 });
    expect(stats).toMatchObject({ acknowledgedSequence: this.#model.published, backlog: 0, inFlight: 0 });
    expect(parked).toHaveLength(stats.parked);
    await this.stop();
    this.#model.check(new Set(parked.map(({ value }) => sequenceOf(value))));
  }

  async stop(): Promise<void> {
    for (const { stream } of [...this.#consumers.values(), ...this.#former]) await stream[Symbol.asyncDispose]();
    await this.#server[Symbol.asyncDispose]();
  }

  get #server(): SubscriptionsFixture {
    if (this.#fixture === undefined) throw new Error("no server");
    return this.#fixture;
  }

  #newProcess(): ProcessRecords {
    return new ProcessRecords(this.#stores.records, (sequence) => this.#model.onParked(sequence));
  }

  #hear(): void {
    for (const consumer of [...this.#former, ...this.#consumers.values()]) consumer.hear();
  }

  async #publish(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#model.onPublished(this.#model.published + 1, key);
    await append(this.#stores.log, "default", ...keys.map((key) => ({ key })));
  }

  #connect(at: number, consumerId: string, maxInFlight: number): void {
    const before = this.#consumers.get(at);
    if (before !== undefined) this.#former.push(before);
    const stream = new TestConsumer(this.#server, { consumerId, maxInFlight }, this.#model);
    this.#consumers.set(at, new ModelledConsumer(stream, this.#model));
  }

  async #restart(crash: boolean): Promise<void> {
    if (crash) this.#process.crash();
    await this.stop();
    this.#hear();
    this.#former.push(...this.#consumers.values());
    this.#consumers.clear();
    this.#process = this.#newProcess();
    await this.start();
  }
}

describe("a subscription", () => {
  it("loses nothing, counts nothing twice and keeps the order of each key, whatever happens to consumers and servers", async () => {
    const seed = randomInt(2 ** 31);
    process.stdout.write(`subscriptions.property.test.ts: seed ${String(seed)}\n`);
    const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 120, size: "max" }), async (steps) => {
      const world = new World();
      await world.start();
      try {
        await world.createSubscription();
        for (const one of steps) await world.run(one);
        await world.finish();
      } finally {
        await world.stop();
      }
    });
    await fc.assert(property, { seed, numRuns: 3000, endOnFailure: false });
  }, 500_000);
});
