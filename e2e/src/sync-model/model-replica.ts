import { setImmediate } from "node:timers/promises";

import { type ClientClock, createClient, type Replica, type StreamingClient } from "@millrace/client-sdk";
import { createInMemoryTransport, type InMemoryTransport } from "@millrace/client-sdk/testing";
import { SyncDataDefinition, type SyncHandlers } from "@millrace/server/testing";

import { CrashingStore } from "./crashing-store.js";
import { versionsOf } from "./versions-of.js";

type Serve = SyncHandlers["streams"]["syncData"];

/** A replica with a connection that the model cuts, and a machine that it crashes. */
export class ModelReplica {
  readonly #collection: string;
  readonly #clock: ClientClock;
  readonly #transport: InMemoryTransport;
  readonly #client: StreamingClient;
  #store = new CrashingStore();
  #replica!: Replica;
  #isOnline = true;

  private constructor(collection: string, serve: Serve, clock: ClientClock) {
    this.#collection = collection;
    this.#clock = clock;
    this.#transport = createInMemoryTransport((add) => add(SyncDataDefinition, { syncData: serve }));
    this.#client = createClient({ target: this.#transport.target, transport: this.#transport, clock: this.#clock });
  }

  static async open(collection: string, serve: Serve, clock: ClientClock): Promise<ModelReplica> {
    const replica = new ModelReplica(collection, serve, clock);
    await replica.#open();
    return replica;
  }

  async put(id: string, value: unknown): Promise<void> {
    await this.#replica.collection(this.#collection).put(id, value);
  }

  async putAll(values: readonly (readonly [id: string, value: unknown])[]): Promise<void> {
    await this.#replica.write(values.map(([id, put]) => ({ collection: this.#collection, id, put })));
  }

  async delete(id: string): Promise<void> {
    await this.#replica.collection(this.#collection).delete(id);
  }

  jsonOf(id: string): unknown {
    return this.#replica.collection(this.#collection).get(id)?.json();
  }

  versionsOf(id: string): string | undefined {
    const document = this.#replica.collection(this.#collection).get(id);
    if (document === undefined) return undefined;
    const siblings = document.siblings.map(({ data: content }) => ({ content }));
    return versionsOf({ content: document.data, siblings });
  }

  get replicaId(): string {
    return this.#replica.replicaId;
  }

  /** What was wanted of a document and refused; "" is its deletion. */
  refusedOf(id: string): string | undefined {
    for (const conflict of this.#replica.collection(this.#collection).conflicts()) {
      if (conflict.id === id) return conflict.mine?.text() ?? "";
    }
    return undefined;
  }

  async goOffline(): Promise<void> {
    this.#isOnline = false;
    await this.#transport.stop();
  }

  goOnline(): void {
    this.#isOnline = true;
    this.#transport.restart();
  }

  cut(): void {
    this.#transport.disconnect();
  }

  async syncIfOnline(): Promise<void> {
    if (this.#isOnline) await this.sync();
  }

  sync(): Promise<void> {
    return this.#replica.synced();
  }

  async reopen(): Promise<void> {
    await this.#replica.close();
    await this.#open();
  }

  /** What was not durable is gone; nobody says goodbye. */
  async crash(): Promise<void> {
    const before = this.#replica;
    this.#store = this.#store.crash();
    void before.close();
    this.cut();
    await setImmediate();
    await this.#open();
  }

  async close(): Promise<void> {
    await this.#client.close();
    await this.#replica.close();
  }

  async #open(): Promise<void> {
    const collections = [this.#collection];
    this.#replica = await this.#client.sync.open({ collections, store: this.#store, heartbeatMs: 0 });
  }
}
