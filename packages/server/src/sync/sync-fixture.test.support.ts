import {
  ChangeOperation,
  ConflictPolicy,
  createTokenSigner,
  type PartialMessage,
  type SyncChange,
  type SyncCheckpoint,
  type SyncHello,
  SyncOutcome,
  type SyncPush,
  type SyncPushResult,
  SyncRequest,
  type SyncResponse,
} from "@millrace/shared-types";

import { MemoryItemStore } from "../adapters/memory/memory-item-store.js";
import { MemoryRecordStore } from "../adapters/memory/memory-record-store.js";
import { callOf } from "../files/files-fixture.test.support.js";
import { ManualClock } from "../testing/manual-clock.js";

import { openSync, type SyncOptions } from "./open-sync.js";
import { syncData } from "./sync-data.js";
import type { SyncDeps } from "./sync-deps.js";

export const START_MS: number = Date.UTC(2026, 0, 1);
export const RETENTION_MS = 3_600_000;

/** The domain for a test, in memory, with a clock that the test moves and a collection `c` for each policy named. */
export interface SyncFixture {
  readonly deps: SyncDeps;
  readonly items: MemoryItemStore;
  readonly clock: ManualClock;
}

/** Opens a {@link SyncFixture} whose collection `c` has this policy. */
export async function openSyncFixture(
  policy: ConflictPolicy = ConflictPolicy.LAST_WRITER_WINS,
  options: Partial<SyncOptions> = {},
): Promise<SyncFixture> {
  const clock = new ManualClock(START_MS);
  const items = new MemoryItemStore({ clock });
  const records = new MemoryRecordStore();
  const tokenSigner = createTokenSigner(Buffer.alloc(32, 1));
  const deps = await openSync({ items, records, tokenSigner, clusterId: "server", clock, ...options });
  await deps.collections.create({ name: "c", policy, retentionMs: RETENTION_MS }, clock.now());
  return { deps, items, clock };
}

/** Forgets what has had its time. */
export async function vacuum({ deps, items, clock }: SyncFixture): Promise<void> {
  const nowMs = clock.now();
  await items.vacuum(nowMs, (name) => deps.collections.tombstonesBeforeMs(name, nowMs) ?? -Infinity);
}

type Kinds = { [Kind in NonNullable<SyncResponse["kind"]> as Kind["$case"]]: Kind["value"] };

/** The replica's end of a stream. */
export class TestReplica {
  readonly id: string;
  readonly #deps: SyncDeps;
  readonly #call: ReturnType<typeof callOf>;
  readonly #requests: SyncRequest[] = [];
  readonly #responses: AsyncGenerator<SyncResponse, void, undefined>;
  #isEnded = false;
  #wake: () => void = () => {};
  #sequence = 0;
  #pushId = 0;

  constructor(deps: SyncDeps, id: string, user?: string) {
    this.id = id;
    this.#deps = deps;
    this.#call = callOf(user);
    this.#responses = syncData(this.#sent(), this.#call.context, this.#deps);
  }

  /** Says hello, follows `c`, and takes everything up to the first checkpoint. */
  static async connected(
    deps: SyncDeps,
    id: string,
    hello: PartialMessage<SyncHello> = {},
  ): Promise<TestReplica & { readonly began: SyncCheckpoint }> {
    const replica = new TestReplica(deps, id);
    replica.hello(hello);
    const welcome = await replica.expect("welcome");
    replica.#sequence = welcome.lastReplicaSequence;
    const { checkpoint } = await replica.checkpoint();
    return Object.assign(replica, { began: checkpoint });
  }

  hello(rest: PartialMessage<SyncHello> = {}): void {
    const value = { replicaId: this.id, collections: [{ name: "c" }], live: true, ...rest };
    this.send({ $case: "hello", value });
  }

  send(kind: PartialMessage<SyncRequest>["kind"]): void {
    this.#requests.push(SyncRequest.fromPartial({ kind }));
    this.#wake();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  abort(reason: Error): void {
    this.#call.abort(reason);
  }

  /** The next message; `undefined` at the end. */
  async next(): Promise<NonNullable<SyncResponse["kind"]> | undefined> {
    const { value } = await this.#responses.next();
    return value?.kind;
  }

  async expect<K extends keyof Kinds>(kind: K): Promise<Kinds[K]> {
    const message = await this.next();
    if (message?.$case !== kind) throw new Error(`expected ${kind}, got ${JSON.stringify(message)}`);
    return message.value as Kinds[K];
  }

  /** All changes up to the next checkpoint, in which case it is up to date, and that. */
  async checkpoint(): Promise<{ readonly changes: readonly SyncChange[]; readonly checkpoint: SyncCheckpoint }> {
    const changes: SyncChange[] = [];
    for (let message = await this.next(); message !== undefined; message = await this.next()) {
      if (message.$case === "changes") changes.push(...message.value.changes);
      if (message.$case === "checkpoint") return { changes, checkpoint: message.value };
    }
    throw new Error("the stream ended before a checkpoint");
  }

  /** Pushes changes under the next sequences; what became of them, and what came besides. */
  async push(
    changes: readonly PartialMessage<SyncChange>[],
    rest: PartialMessage<SyncPush> = {},
  ): Promise<SyncPushResult & { readonly changes: readonly SyncChange[] }> {
    const numbered = changes.map((change) => ({ replicaSequence: ++this.#sequence, ...change }));
    this.send({ $case: "push", value: { pushId: ++this.#pushId, changes: numbered, ...rest } });
    for (const seen: SyncChange[] = []; ;) {
      const message = await this.next();
      if (message?.$case === "changes") seen.push(...message.value.changes);
      else if (message?.$case === "pushResult") {
        const { changes: after } = await this.checkpoint();
        return { ...message.value, changes: [...seen, ...after] };
      } else if (message?.$case !== "checkpoint") throw new Error(`expected a result, got ${JSON.stringify(message)}`);
    }
  }

  async *#sent(): AsyncGenerator<SyncRequest> {
    for (;;) {
      const next = this.#requests.shift();
      if (next !== undefined) yield next;
      else if (this.#isEnded) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** A moment after the start, by a replica's clock. */
export function at(ms: number, nodeId = "r1"): NonNullable<SyncChange["time"]> {
  return { wallMs: START_MS + ms, counter: 0, nodeId };
}

/** A change that writes a text. */
export function upsert(docId: string, text: string, rest: PartialMessage<SyncChange> = {}): PartialMessage<SyncChange> {
  const content = Buffer.from(text);
  return { collection: "c", docId, operation: ChangeOperation.UPSERT, content, time: at(1), ...rest };
}

export function remove(docId: string, rest: PartialMessage<SyncChange> = {}): PartialMessage<SyncChange> {
  return { collection: "c", docId, operation: ChangeOperation.DELETE, time: at(1), ...rest };
}

export function patch(docId: string, json: unknown, rest: PartialMessage<SyncChange> = {}): PartialMessage<SyncChange> {
  const content = Buffer.from(JSON.stringify(json));
  return { collection: "c", docId, operation: ChangeOperation.PATCH, content, time: at(1), ...rest };
}

/** Changes as `id=content`, with `-` for what is gone. */
export function told(changes: readonly SyncChange[]): string[] {
  return changes.map(({ docId, operation, content }) =>
    operation === ChangeOperation.UPSERT ? `${docId}=${Buffer.from(content).toString()}` : `${docId}-`,
  );
}

const OUTCOME_NAMES = new Map(Object.entries(SyncOutcome).map(([name, value]) => [value, name]));

/** Names of the outcomes of a push. */
export function outcomes({ results }: Pick<SyncPushResult, "results">): (string | undefined)[] {
  return results.map(({ outcome }) => OUTCOME_NAMES.get(outcome));
}
