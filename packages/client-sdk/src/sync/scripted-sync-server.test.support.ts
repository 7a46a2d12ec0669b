import {
  ChangeOperation,
  type PartialMessage,
  StreamingServiceDefinition,
  type SyncChange,
  type SyncHello,
  SyncOutcome,
  type SyncRequest,
  SyncResponse,
  type SyncWelcome,
} from "@millrace/shared-types";

import { createClient, type StreamingClient } from "../client.js";
import { createInMemoryTransport, type InMemoryTransport } from "../testing/in-memory-transport.js";
import { within } from "../testing/within.js";
import { MemoryReplicaStore } from "./memory-replica-store.js";
import type { OpenReplicaOptions, Replica } from "./types.js";

type Kinds = { [Kind in NonNullable<SyncRequest["kind"]> as Kind["$case"]]: Kind["value"] };
type Said = PartialMessage<SyncResponse>["kind"];

/** One stream of a replica, answered as the test says. */
export class ScriptedSession {
  readonly #heard: SyncRequest[] = [];
  readonly #said: SyncResponse[] = [];
  #isEnded = false;
  #wakeTest: () => void = () => {};
  #wakeStream: () => void = () => {};

  /** The next message of the replica of this kind; acks and credits that come before are passed over. */
  async expect<K extends keyof Kinds>(kind: K): Promise<Kinds[K]> {
    for (;;) {
      const next = this.#heard.shift();
      if (next?.kind?.$case === kind) return next.kind.value as Kinds[K];
      if (next !== undefined && next.kind?.$case !== "ack")
        throw new Error(`expected ${kind}, got ${JSON.stringify(next)}`);
      if (next === undefined) await within(new Promise<void>((resolve) => (this.#wakeTest = resolve)), kind);
    }
  }

  say(kind: Said): void {
    this.#said.push(SyncResponse.fromPartial({ kind }));
    this.#wakeStream();
  }

  /** Takes hello and answers it; then a checkpoint with these changes. */
  async welcome(
    rest: PartialMessage<SyncWelcome> = {},
    changes: readonly PartialMessage<SyncChange>[] = [],
  ): Promise<SyncHello> {
    const hello = await this.expect("hello");
    this.say({ $case: "welcome", value: { serverId: "server", ...rest } });
    this.changes(changes, "begun");
    this.checkpoint("begun");
    return hello;
  }

  changes(changes: readonly PartialMessage<SyncChange>[], cursor: string): void {
    if (changes.length === 0) return;
    this.say({ $case: "changes", value: { changes: [...changes], cursors: new Map([["notes", cursor]]) } });
  }

  checkpoint(cursor: string): void {
    this.say({ $case: "checkpoint", value: { cursors: new Map([["notes", cursor]]), caughtUp: true } });
  }

  /** Takes a push and says of all of its changes that they were applied, unless told otherwise. */
  async answer(outcomes: readonly SyncOutcome[] = []): Promise<readonly SyncChange[]> {
    const { pushId, changes } = await this.expect("push");
    const results = changes.map(({ replicaSequence }, index) => ({
      replicaSequence,
      outcome: outcomes[index] ?? SyncOutcome.APPLIED,
      sequence: 100 + replicaSequence,
    }));
    const last = changes.at(-1)?.replicaSequence ?? 0;
    this.say({ $case: "pushResult", value: { pushId, results, lastReplicaSequence: last } });
    return changes;
  }

  end(): void {
    this.#isEnded = true;
    this.#wakeStream();
  }

  async *serve(requests: AsyncIterable<SyncRequest>, signal: AbortSignal): AsyncGenerator<SyncResponse> {
    void this.#listen(requests);
    signal.addEventListener("abort", () => this.end());
    for (;;) {
      const next = this.#said.shift();
      if (next !== undefined) yield next;
      else if (this.#isEnded) return;
      else await new Promise<void>((resolve) => (this.#wakeStream = resolve));
    }
  }

  async #listen(requests: AsyncIterable<SyncRequest>): Promise<void> {
    try {
      for await (const request of requests) {
        this.#heard.push(request);
        this.#wakeTest();
      }
    } catch {
      // The replica has gone.
    }
  }
}

/** A replica over a server whose every answer the test gives. */
export class ScriptedServer implements AsyncDisposable {
  readonly transport: InMemoryTransport;
  readonly client: StreamingClient;
  readonly store: MemoryReplicaStore = new MemoryReplicaStore();
  readonly #sessions: ScriptedSession[] = [];
  #wake: () => void = () => {};

  constructor() {
    const definition = {
      ...StreamingServiceDefinition,
      methods: { syncData: StreamingServiceDefinition.methods.syncData },
    };
    this.transport = createInMemoryTransport((serve) =>
      serve(definition, {
        syncData: (requests, context) => {
          const session = new ScriptedSession();
          this.#sessions.push(session);
          this.#wake();
          return session.serve(requests, context.signal);
        },
      }),
    );
    const { target } = this.transport;
    this.client = createClient({ target, transport: this.transport, random: () => 0 });
  }

  /** The next stream that the replica begins. */
  async session(): Promise<ScriptedSession> {
    for (;;) {
      const next = this.#sessions.shift();
      if (next !== undefined) return next;
      await within(new Promise<void>((resolve) => (this.#wake = resolve)), "a stream");
    }
  }

  /** A replica of `notes` in this server's store, unless told otherwise. */
  open(options: Partial<OpenReplicaOptions> = {}): Promise<Replica> {
    return this.client.sync.open({ collections: ["notes"], store: this.store, heartbeatMs: 0, ...options });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
  }
}

/** A change as the server sends it. */
export function change(
  docId: string,
  value: unknown,
  rest: PartialMessage<SyncChange> = {},
): PartialMessage<SyncChange> {
  const content = Buffer.from(JSON.stringify(value));
  const time = { wallMs: 1000, counter: 0, nodeId: "other" };
  const contentType = "application/json";
  return {
    collection: "notes",
    docId,
    operation: ChangeOperation.UPSERT,
    content,
    contentType,
    time,
    sequence: 1,
    ...rest,
  };
}

export function gone(docId: string, sequence: number): PartialMessage<SyncChange> {
  return {
    collection: "notes",
    docId,
    operation: ChangeOperation.DELETE,
    time: { wallMs: 2000, counter: 0, nodeId: "other" },
    sequence,
  };
}

/** Documents of a replica as `id=json`, with a star for those that are pending. */
export function documentsOf(replica: Replica): string[] {
  return [...replica.collection("notes").query()].map(
    ({ id, isPending, text }) => `${id}=${text()}${isPending ? "*" : ""}`,
  );
}
