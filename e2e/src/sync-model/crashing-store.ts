import { setImmediate } from "node:timers/promises";

import {
  MemoryReplicaStore,
  type ReplicaRow,
  type ReplicaScan,
  type ReplicaStore,
  type ReplicaWrite,
} from "@millrace/client-sdk";

/** A disk of a machine that may lose its power: what was written is seen at once, and durable a little later. */
export class CrashingStore implements ReplicaStore {
  /** All that was ever made durable, in order. */
  readonly #durable: (readonly ReplicaWrite[])[];
  readonly #live = new MemoryReplicaStore();
  #hasCrashed = false;

  constructor(durable: readonly (readonly ReplicaWrite[])[] = []) {
    this.#durable = [...durable];
    for (const writes of durable) void this.#live.write(writes);
  }

  get(table: string, key: string): Uint8Array | undefined {
    return this.#live.get(table, key);
  }

  scan(table: string, scan: ReplicaScan): readonly ReplicaRow[] {
    return this.#live.scan(table, scan);
  }

  async write(writes: readonly ReplicaWrite[]): Promise<void> {
    void this.#live.write(writes);
    await setImmediate();
    if (this.#hasCrashed) return new Promise(() => {}); // nobody hears of it
    this.#durable.push(writes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await setImmediate();
  }

  /** What is there after the power comes back. Nothing is made durable here any more. */
  crash(): CrashingStore {
    this.#hasCrashed = true;
    return new CrashingStore(this.#durable);
  }
}
