import { setImmediate } from "node:timers/promises";

import { expect } from "@jest/globals";

import { eventually } from "../testing/eventually.js";
import { latch, type Latch } from "../testing/latch.js";
import type { FakeConsumer } from "./fake-subscriptions.test.support.js";
import type { OpenEvents } from "./open-events.test.support.js";
import type { Delivery } from "./subscription-types.js";
import type { WatchedEvent } from "./types.js";

/** The stream number `index`, once it is there and its consumer has said who it is. */
export async function consumerOf({ server }: OpenEvents, index = 0): Promise<FakeConsumer> {
  await eventually(() => expect(server.subscriptions.consumers[index]?.received[0]?.$case).toBe("open"));
  return server.subscriptions.consumers[index] as FakeConsumer;
}

export async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn++) await setImmediate();
}

/** A handler whose runs end when a test says so. */
export class Gates {
  readonly begun: number[] = [];
  readonly deliveries: Delivery[] = [];
  mostAtOnce = 0;
  #running = 0;
  readonly #gates = new Map<number, Latch<Error | undefined>>();

  readonly handler = async ({ sequence }: WatchedEvent, delivery: Delivery): Promise<void> => {
    this.begun.push(sequence);
    this.deliveries.push(delivery);
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#running);
    const gate = latch<Error | undefined>();
    this.#gates.set(sequence, gate);
    const failure = await gate.promise;
    this.#running--;
    if (failure !== undefined) throw failure;
  };

  open(sequence: number, failure?: Error): void {
    this.#gates.get(sequence)?.open(failure);
  }
}
