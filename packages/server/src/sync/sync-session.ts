import {
  DEFAULT_SYNC_IN_FLIGHT,
  durationOfMs,
  invalidField,
  MAX_SYNC_COLLECTIONS,
  MAX_SYNC_IN_FLIGHT,
  protocolViolation,
  ServiceError,
  statusOf,
  type SyncHello,
  type SyncPush,
  type SyncRequest,
  type SyncResponse,
  type SyncSubscribe,
  timestampOfMs,
} from "@millrace/shared-types";

import { checkLimit } from "../events/check-limit.js";
import { durationMsOf } from "../events/watch-plan.js";
import { type CallContext, DRAIN_NOTICE_MS } from "../rpc/call-context.js";
import { Watchdog } from "../rpc/watchdog.js";

import { applyPush, type WelcomedPusher } from "./apply-push.js";
import { checkReplicaId } from "./check-change.js";
import { loadReplica } from "./replica-record.js";
import type { SyncDeps } from "./sync-deps.js";
import { SyncFeed } from "./sync-feed.js";

type Kind = NonNullable<SyncResponse["kind"]>;

/** Answers that may wait, 1.5 MiB each at most: with more, no further message is read. */
const MAX_WAITING_ANSWERS = 2;

const MIN_HEARTBEAT_MS = 1000;
const MAX_HEARTBEAT_MS = 10 * 60 * 1000;

/** One replica at the other end of a stream. Disposing of it stops its timers and what it listens to. */
export class SyncSession implements Disposable {
  readonly #pusher: WelcomedPusher;
  readonly #hello: SyncHello;
  readonly #feed: SyncFeed;
  readonly #context: CallContext;
  readonly #deps: SyncDeps;
  readonly #answers: Kind[] = [];
  readonly #owned = new DisposableStack();
  #silence: Watchdog | undefined;
  /** The replica has said everything. */
  #isFinished = false;
  #isClosed = false;
  #failure: { readonly reason: unknown } | undefined;
  #wake: () => void = () => {};
  #onRoom: () => void = () => {};

  private constructor(hello: SyncHello, pusher: WelcomedPusher, feed: SyncFeed, context: CallContext, deps: SyncDeps) {
    this.#hello = hello;
    this.#pusher = pusher;
    this.#feed = feed;
    this.#context = context;
    this.#deps = deps;
  }

  /**
   * Welcomes a replica. An older session of it ends.
   *
   * @throws ServiceError `INVALID_FIELD`, `INVALID_FILTER`, `LIMIT_EXCEEDED`, `RESOURCE_NOT_FOUND`, or
   *   `PERMISSION_DENIED` if the replica is somebody else's
   */
  static async open(hello: SyncHello, context: CallContext, deps: SyncDeps): Promise<SyncSession> {
    const { replicaId, incarnation, maxInFlight } = hello;
    checkHello(hello, deps);
    const userId = context.principal.id;
    const replica = await loadReplica(deps.items, replicaId, userId);
    const { lastSequence } = replica;
    const feed = new SyncFeed(deps, {
      own: { replicaId, after: lastSequence },
      maxInFlight: Math.min(maxInFlight || DEFAULT_SYNC_IN_FLIGHT, MAX_SYNC_IN_FLIGHT),
    });
    for (const [index, wanted] of hello.collections.entries()) {
      await feed.follow(wanted, `hello.collections[${String(index)}].name`);
    }
    const pusher = { replicaId, userId, incarnation, welcomedAfter: replica.incarnation };
    const session = new SyncSession(hello, pusher, feed, context, deps);
    session.#begin(lastSequence);
    return session;
  }

  /** Takes what the replica says. @throws ServiceError what ends the stream */
  async take({ kind }: SyncRequest): Promise<void> {
    switch (kind?.$case) {
      case "push":
        return this.#push(kind.value);
      case "ack":
        await this.#orRefuse(() => this.#feed.stored(kind.value.cursors));
        break;
      case "credit":
        this.#feed.allow(kind.value.changes);
        break;
      case "subscribe":
        await this.#orRefuse(() => this.#subscribe(kind.value));
        break;
      default:
        throw protocolViolation("push, ack, credit or subscribe");
    }
    this.#wake();
  }

  /** Resolves when the replica has taken enough of the answers, or takes nothing any more. */
  async untilRoom(): Promise<void> {
    while (this.#answers.length >= MAX_WAITING_ANSWERS && !this.#isClosed) {
      await new Promise<void>((resolve) => (this.#onRoom = resolve));
    }
  }

  /** The stream ends when everything is sent that there is now. */
  finish(): void {
    this.#isFinished = true;
    this.#feed.unlimit();
    this.#wake();
  }

  fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.#wake();
  }

  /** All that is sent, until the stream ends. Rejects with the signal's reason. */
  async *responses(): AsyncGenerator<SyncResponse, void, undefined> {
    const { signal } = this.#context;
    const onAbort = (): void => this.#wake();
    signal.addEventListener("abort", onAbort);
    try {
      for (;;) {
        const woken = new Promise<void>((resolve) => (this.#wake = resolve));
        this.#throwIfOver();
        const kind = this.#takeAnswer() ?? (await this.#feed.next());
        this.#throwIfOver();
        if (kind !== undefined) {
          yield { kind };
          this.#silence?.touch();
        } else if (this.#isFinished && this.#answers.length === 0 && this.#feed.isDone) return;
        else await woken;
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#isClosed = true;
      this.#onRoom();
    }
  }

  [Symbol.dispose](): void {
    this.#owned.dispose();
  }

  #begin(lastSequence: number): void {
    const { sessions, items } = this.#deps;
    this.#owned.use(sessions.enter(this.#pusher.replicaId, this));
    this.#owned.use(items.follow((_, touched) => this.#onCommit(touched)));
    this.#answers.push(this.#welcome(lastSequence));
    this.#startHeartbeat();
    this.#announceDrain();
  }

  #onCommit(touched: ReadonlySet<string>): void {
    if (!this.#hello.live || this.#isFinished) return;
    this.#feed.touch(touched);
    this.#wake();
  }

  async #push(push: SyncPush): Promise<void> {
    await this.#orRefuse(async () => {
      const { result, unheard } = await applyPush(push, this.#pusher, this.#deps);
      // What the replica wrote before and did not hear of, it gets like the changes of others.
      await this.#feed.sendOwn(unheard);
      this.#answer({ $case: "pushResult", value: result });
    }, push.pushId);
  }

  async #subscribe({ add, remove }: SyncSubscribe): Promise<void> {
    const followed = new Set(this.#feed.collections.map(({ name }) => name));
    for (const name of remove) followed.delete(name);
    for (const { name } of add) followed.add(name);
    checkLimit("subscribe.add", "max_sync_collections", MAX_SYNC_COLLECTIONS, followed.size);
    for (const name of remove) this.#feed.unfollow(name);
    for (const [index, wanted] of add.entries()) {
      await this.#feed.follow(wanted, `subscribe.add[${String(index)}].name`);
    }
  }

  /** Tells the replica what is wrong with what it said; the stream goes on. */
  async #orRefuse(action: () => Promise<void> | void, pushId = 0): Promise<void> {
    try {
      await action();
    } catch (error) {
      const isRefusal = error instanceof ServiceError && error.reason !== "BACKEND_UNAVAILABLE";
      if (!isRefusal) throw error;
      this.#answer({ $case: "error", value: { status: statusOf(error), pushId } });
    }
  }

  #answer(kind: Kind): void {
    this.#answers.push(kind);
    this.#wake();
  }

  #takeAnswer(): Kind | undefined {
    const answer = this.#answers.shift();
    if (answer === undefined) return undefined;
    this.#onRoom();
    // Changes that were read before do not have what this answer tells.
    if (answer.$case === "pushResult") this.#feed.promiseCheckpoint();
    return answer;
  }

  #throwIfOver(): void {
    this.#context.signal.throwIfAborted();
    if (this.#failure !== undefined) throw this.#failure.reason;
  }

  #welcome(lastReplicaSequence: number): Kind {
    const { serverClock } = this.#deps;
    const { collections } = this.#feed;
    const policies = new Map(collections.map(({ name, policy }) => [name, policy]));
    const retentionMs = Math.min(...collections.map((collection) => collection.retentionMs));
    const value = {
      serverId: serverClock.serverId,
      sessionId: this.#context.requestId,
      clock: { wallMs: Math.floor(serverClock.nowMs()), counter: 0, nodeId: serverClock.serverId },
      lastReplicaSequence,
      incarnation: this.#pusher.welcomedAfter,
      policies,
      tombstoneRetention: collections.length === 0 ? undefined : durationOfMs(retentionMs),
    };
    return { $case: "welcome", value };
  }

  #startHeartbeat(): void {
    const { heartbeatInterval } = this.#hello;
    const wantedMs = heartbeatInterval && durationMsOf(heartbeatInterval, "hello.heartbeat_interval");
    if (wantedMs === undefined || wantedMs === 0) return;
    const intervalMs = Math.min(Math.max(wantedMs, MIN_HEARTBEAT_MS), MAX_HEARTBEAT_MS);
    const silence = new Watchdog(this.#deps.clock, intervalMs, () => {
      if (this.#answers.length === 0) this.#answer(this.#heartbeat(intervalMs));
      silence.start();
    });
    this.#silence = silence;
    this.#owned.defer(() => silence.close());
    silence.start();
  }

  #heartbeat(intervalMs: number): Kind {
    const serverTime = timestampOfMs(this.#deps.clock.now());
    const value = { serverTime, sequence: 0, resumeToken: "", interval: durationOfMs(intervalMs) };
    return { $case: "control", value: { kind: { $case: "heartbeat", value } } };
  }

  #announceDrain(): void {
    const { draining } = this.#context;
    const value = { grace: durationOfMs(DRAIN_NOTICE_MS), resumeToken: "" };
    const announce = (): void => this.#answer({ $case: "control", value: { kind: { $case: "draining", value } } });
    draining.addEventListener("abort", announce, { once: true });
    this.#owned.defer(() => draining.removeEventListener("abort", announce));
    if (draining.aborted) announce();
  }
}

/** The first thing that a replica says. @throws ServiceError `PROTOCOL_VIOLATION` if it is something else */
export function helloOf(request: SyncRequest | undefined): SyncHello {
  if (request?.kind?.$case !== "hello") throw protocolViolation("hello");
  return request.kind.value;
}

function checkHello({ replicaId, incarnation, ...hello }: SyncHello, { serverClock }: SyncDeps): void {
  const { collections, maxInFlight } = hello;
  checkReplicaId("hello.replica_id", replicaId);
  if (incarnation !== "") checkReplicaId("hello.incarnation", incarnation);
  if (replicaId === serverClock.serverId) throw invalidField("hello.replica_id", "is the server's");
  if (maxInFlight < 0) throw invalidField("hello.max_in_flight", `is ${String(maxInFlight)}, must not be negative`);
  checkLimit("hello.collections", "max_sync_collections", MAX_SYNC_COLLECTIONS, collections.length);
}
