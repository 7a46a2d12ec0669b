import { setImmediate } from "node:timers/promises";

import type { CallContext, MergeConflict, Merged } from "@millrace/server";
import { startSyncHandlers, type SyncHandlers, type SyncStores } from "@millrace/server/testing";
import {
  ConflictPolicy,
  CreateCollectionRequest,
  durationOfMs,
  ServiceError,
  type SyncChange,
  SyncOutcome,
} from "@millrace/shared-types";

import { DOCUMENTS, type History, SHORT_RETENTION_MS, type Step } from "./history.js";
import { Journal } from "./journal.js";
import type { ModelClock } from "./model-clock.js";
import { ModelReplica } from "./model-replica.js";
import { nothingIsResurrected, ORACLES } from "./oracles.js";
import { versionsOf } from "./versions-of.js";

export const COLLECTION = "things";

const LONG_RETENTION_MS = 3650 * 86_400_000;

const WIRE_POLICIES = {
  "last-writer-wins": ConflictPolicy.LAST_WRITER_WINS,
  "field-last-writer-wins": ConflictPolicy.FIELD_LAST_WRITER_WINS,
  reject: ConflictPolicy.REJECT,
  "keep-siblings": ConflictPolicy.KEEP_SIBLINGS,
  "merge-function": ConflictPolicy.MERGE_FUNCTION,
} as const;

/** No handler of SyncService asks its context for anything but this. */
const CONTEXT = { principal: { id: "" } } as CallContext;

/**
 * Plays a history over the stores of a server, then lets everybody connect, and says what is wrong: replicas that differ
 * from the server, and documents that are not what their policy says.
 */
export async function playHistory(history: History, stores: SyncStores, clock: ModelClock): Promise<readonly string[]> {
  const game = new Game(history, stores, clock);
  await game.begin();
  try {
    for (const step of history.steps) await game.play(step);
    return await game.end();
  } finally {
    await game.close();
  }
}

class Game {
  readonly #history: History;
  readonly #stores: SyncStores;
  readonly #clock: ModelClock;
  readonly #journal = new Journal();
  readonly #replicas: ModelReplica[] = [];
  #handlers!: SyncHandlers;
  #values = 0;

  constructor(history: History, stores: SyncStores, clock: ModelClock) {
    this.#history = history;
    this.#stores = stores;
    this.#clock = clock;
  }

  async begin(): Promise<void> {
    const { policy, skewsMs, forgets } = this.#history;
    await this.#start();
    const tombstoneRetention = durationOfMs(forgets ? SHORT_RETENTION_MS : LONG_RETENTION_MS);
    const collection = { name: COLLECTION, policy: WIRE_POLICIES[policy], tombstoneRetention };
    await this.#handlers.service.createCollection(CreateCollectionRequest.fromPartial({ collection }), CONTEXT);
    for (const skewMs of skewsMs) {
      const serve: SyncHandlers["streams"]["syncData"] = (requests, context) =>
        this.#journal.follow(requests, (heard) => this.#handlers.streams.syncData(heard, context) as never);
      this.#replicas.push(await ModelReplica.open(COLLECTION, serve, this.#clock.skewedBy(skewMs)));
    }
  }

  async play(step: Step): Promise<void> {
    const replica = "replica" in step ? this.#replicas[step.replica % this.#replicas.length] : undefined;
    switch (step.type) {
      case "put":
        return replica?.put(step.id, this.#valueFor(replica, step.id));
      case "putAll":
        return replica?.putAll(DOCUMENTS.map((id) => [id, this.#valueFor(replica, id)] as const));
      case "delete":
        // Documents are sets there, to which replicas only add.
        return this.#history.policy === "merge-function" ? undefined : replica?.delete(step.id);
      case "goOffline":
        return replica?.goOffline();
      case "goOnline":
        return replica?.goOnline();
      case "cut":
        return replica?.cut();
      case "sync":
        return replica?.syncIfOnline();
      case "reopen":
        return replica?.reopen();
      case "crash":
        return replica?.crash();
      case "restartServer":
        return this.#start();
      case "letRun":
        for (let turn = 0; turn < step.turns; turn += 1) await setImmediate();
        return;
      case "pass":
        return this.#clock.advance(step.ms);
      case "vacuum":
        if (this.#history.forgets) await this.#handlers.vacuum();
    }
  }

  /** Everybody connects, and says what is wrong then. */
  async end(): Promise<readonly string[]> {
    for (const replica of this.#replicas) replica.goOnline();
    for (let round = 0; round < 2; round += 1) {
      await Promise.all(this.#replicas.map((replica) => replica.sync()));
    }
    const problems = this.#journal.entries.flatMap(({ change, outcome }) =>
      outcome === SyncOutcome.REJECTED ? [`a change of ${change.docId} was rejected`] : [],
    );
    for (const id of DOCUMENTS) problems.push(...(await this.#problemsOf(id)));
    return problems;
  }

  async close(): Promise<void> {
    await Promise.all(this.#replicas.map((replica) => replica.close()));
  }

  async #problemsOf(id: string): Promise<readonly string[]> {
    const { policy, forgets } = this.#history;
    const current = await this.#onServer(id);
    const wanted = current && versionsOf(current);
    const different = this.#replicas.flatMap((replica, index) => {
      const told = replica.versionsOf(id);
      return told === wanted ? [] : [`replica ${String(index)} has ${id} as ${String(told)}, not ${String(wanted)}`];
    });
    // Who forgets deletions cannot compare with them: only what comes back counts then.
    const judge = forgets && policy !== "merge-function" ? nothingIsResurrected : ORACLES[policy];
    const isJudged = !forgets || policy === "last-writer-wins" || policy === "merge-function";
    const untold = this.#replicas.flatMap((replica, index) => {
      const refused = this.#journal.refusedOf(replica.replicaId, id);
      const isTold = refused === undefined || replica.refusedOf(id) === Buffer.from(refused.content).toString();
      return isTold ? [] : [`replica ${String(index)} was not told that its change of ${id} was refused`];
    });
    return [...different, ...untold, ...(isJudged ? judge(id, current, this.#journal) : [])];
  }

  async #start(): Promise<void> {
    const mergeFunctions = { [COLLECTION]: union };
    this.#handlers = await startSyncHandlers(this.#stores, { clock: this.#clock, mergeFunctions });
    for (const replica of this.#replicas) replica.cut();
  }

  async #onServer(docId: string): Promise<SyncChange | undefined> {
    try {
      return (await this.#handlers.service.getDocument({ collection: COLLECTION, docId }, CONTEXT)).current;
    } catch (error) {
      if (error instanceof ServiceError && error.reason === "RESOURCE_NOT_FOUND") return undefined;
      throw error;
    }
  }

  /** Every value is written once. */
  #valueFor(replica: ModelReplica, id: string): unknown {
    this.#values += 1;
    const value = `v${String(this.#values)}`;
    const known = replica.jsonOf(id);
    switch (this.#history.policy) {
      case "merge-function": {
        const items = (known as { readonly items: readonly string[] } | undefined)?.items ?? [];
        return { items: [...items, value] };
      }
      case "field-last-writer-wins": {
        // Some fields change, some go, some stay.
        const { x, y } = (known ?? {}) as { readonly x?: unknown; readonly y?: unknown };
        const choice = this.#values % 4;
        if (choice === 0) return { x: value, y };
        if (choice === 1) return { x, y: { deep: value } };
        return choice === 2 ? { y } : { x: value, y: value, [`z${value}`]: null };
      }
      default:
        return { value };
    }
  }
}

function union({ current, incoming }: MergeConflict): Merged {
  const itemsOf = (version: MergeConflict["current"]): readonly string[] =>
    version === undefined
      ? []
      : (JSON.parse(Buffer.from(version.content).toString()) as { readonly items: readonly string[] }).items;
  const items = [...new Set([...itemsOf(current), ...itemsOf(incoming)])];
  return { content: Buffer.from(JSON.stringify({ items })), contentType: "application/json" };
}
