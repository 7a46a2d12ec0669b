import {
  durationOfMs,
  methodPath,
  type PartialMessage,
  StreamingServiceDefinition,
  type SyncHello,
  type SyncPushResult,
  type SyncRequest,
  type SyncResponse,
  type SyncWelcome,
} from "@millrace/shared-types";

import { UnavailableError } from "../errors.js";
import type { CallOptions, ResumePolicy } from "../options.js";
import type { ResumeLoop } from "../rpc/resume-loop.js";
import { statusError } from "../rpc/status-error.js";
import type { DuplexStream } from "../rpc/streams.js";
import type { HeaderMap } from "../rpc/transport.js";
import type { Changed, LocalReplica } from "./local-replica.js";
import { nextPush } from "./next-push.js";
import type { SyncDeps } from "./sync-api.js";

const { syncData } = StreamingServiceDefinition.methods;

/** Names the call in errors that are no status of it. */
export const SYNC_METHOD: string = methodPath(StreamingServiceDefinition, syncData).slice(1);

type SyncStream = DuplexStream<PartialMessage<SyncRequest>, SyncResponse>;

/** Heartbeats that may fail to come before the connection counts as lost. */
const MISSED_HEARTBEATS = 2.5;

/** Changes that are handled and in no checkpoint: with more, nothing is pushed. The server remembers 1000. */
const MAX_UNSETTLED = 500;

/** Tries for ever. */
const RESUME: ResumePolicy = { maxElapsedMs: Infinity };

/** What a session works on. */
export interface SessionTask {
  readonly local: LocalReplica;
  readonly heartbeatMs: number;
  readonly headers: HeaderMap | undefined;
  readonly resume: ResumePolicy | false | undefined;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Called when the server has welcomed the replica. */
  readonly onConnected: () => void;
  /** Called when the connection is lost, before another is tried. */
  readonly onLost: (error: unknown) => void;
  /** Called after a push was answered. */
  readonly onPushed: () => void;
  /** Called when a checkpoint is durable. */
  readonly onCheckpoint: (changed: Changed) => void;
}

/** Keeps a replica synchronized, over as many streams as that takes. */
export class ReplicaSession {
  readonly #deps: SyncDeps;
  readonly #task: SessionTask;
  readonly #loop: ResumeLoop;
  /** On which the replica was welcomed. */
  #stream: SyncStream | undefined;
  /** Everything up to this change was pushed over the stream. */
  #pushedSequence = 0;
  #isPushing = false;
  #wantsCheckpoint = false;
  /** Numbers hellos and pushes: the last one that was sent, and the last one that was answered. */
  #asked = 0;
  #answered = 0;

  constructor(deps: SyncDeps, task: SessionTask) {
    this.#deps = deps;
    this.#task = task;
    const resume = task.resume === false ? false : { ...RESUME, ...task.resume };
    this.#loop = deps.openResumeLoop({ policy: resume, signal: task.signal });
  }

  /** Never resolves. @throws what ends it */
  async run(): Promise<never> {
    for (;;) {
      try {
        await this.#attempt();
      } catch (error) {
        this.#task.onLost(error);
        await this.#loop.waitAfter(error);
      }
    }
  }

  /** There are changes to push. */
  push(): void {
    const stream = this.#stream;
    const { local } = this.#task;
    if (stream === undefined || this.#isPushing || local.unsettledChanges >= MAX_UNSETTLED) return;
    const push = nextPush(local, this.#pushedSequence);
    if (push.changes.length === 0 && !this.#wantsCheckpoint) return;
    this.#wantsCheckpoint = false;
    this.#isPushing = true;
    this.#pushedSequence = push.lastSequence;
    this.#asked += 1;
    this.#send(stream, { $case: "push", value: { pushId: this.#asked, changes: push.changes, atomic: false } });
  }

  /** The last question that was answered: a checkpoint has everything that the server had then. */
  get answered(): number {
    return this.#answered;
  }

  /**
   * Makes the server say where it is, which it does by itself only if something is new.
   *
   * @returns the number of the question
   */
  askForCheckpoint(): number {
    const question = this.#asked + 1;
    this.#wantsCheckpoint = true;
    this.push();
    return question;
  }

  /** Ends when the replica has to say hello again. @throws whatever else ends it */
  async #attempt(): Promise<void> {
    await using stream: SyncStream = this.#deps.rpc.duplex(StreamingServiceDefinition, syncData, this.#callOptions());
    this.#asked += 1;
    this.#send(stream, { $case: "hello", value: this.#hello() });
    try {
      for await (const { kind } of stream) {
        const goesOn = await this.#receive(kind, stream);
        if (!goesOn) return;
      }
    } finally {
      this.#stream = undefined;
      this.#isPushing = false;
    }
    throw endedByServer();
  }

  /** @returns false if the replica has to say hello again */
  async #receive(kind: SyncResponse["kind"], stream: SyncStream): Promise<boolean> {
    const { local } = this.#task;
    switch (kind?.$case) {
      case "welcome":
        return this.#onWelcome(kind.value, stream);
      case "changes":
        await local.stage(kind.value.changes, kind.value.cursors);
        this.#send(stream, { $case: "ack", value: { cursors: kind.value.cursors } });
        return true;
      case "pushResult":
        this.#onPushResult(kind.value);
        return true;
      case "checkpoint": {
        const { changed, durable } = local.checkpoint(kind.value.cursors);
        await durable;
        this.#task.onCheckpoint(changed);
        this.push();
        return true;
      }
      case "reset":
        await local.reset(kind.value.collection);
        return true;
      case "error":
        throw statusError(kind.value.status ?? { code: 13, message: "", details: [] }, SYNC_METHOD);
      default:
        return true; // signs of life, and what a newer server may say
    }
  }

  async #onWelcome(welcome: SyncWelcome, stream: SyncStream): Promise<boolean> {
    const { local, onConnected } = this.#task;
    const { isStranger, durable } = local.welcomed(welcome);
    await durable;
    this.#loop.progressed();
    if (isStranger) return false;
    this.#answered = this.#asked;
    this.#stream = stream;
    this.#pushedSequence = local.identity.settledSequence;
    onConnected();
    this.push();
    return true;
  }

  #onPushResult({ pushId, results, lastReplicaSequence }: SyncPushResult): void {
    const { local, onPushed } = this.#task;
    if (lastReplicaSequence < this.#pushedSequence) throw lostTrack(this.#pushedSequence, lastReplicaSequence);
    local.handled(results);
    this.#isPushing = false;
    this.#answered = pushId;
    this.#loop.progressed();
    onPushed();
    this.push();
  }

  #send(stream: SyncStream, kind: NonNullable<PartialMessage<SyncRequest>["kind"]>): void {
    // Of a stream that has ended the loop over its responses tells.
    stream.send({ kind }).catch(() => undefined);
  }

  #hello(): PartialMessage<SyncHello> {
    const { local, heartbeatMs } = this.#task;
    const collections = [...local.followed].map(([name, { cursor, stagedCursor, filter }]) => {
      return { name, cursor: stagedCursor || cursor, filter };
    });
    return {
      replicaId: local.identity.replicaId,
      incarnation: local.incarnation,
      collections,
      live: true,
      ...(heartbeatMs > 0 && { heartbeatInterval: durationOfMs(heartbeatMs) }),
    };
  }

  #callOptions(): CallOptions {
    const { heartbeatMs, headers, signal } = this.#task;
    return {
      signal,
      ...(headers && { headers }),
      ...(heartbeatMs > 0 && { idleTimeoutMs: heartbeatMs * MISSED_HEARTBEATS }),
    };
  }
}

function endedByServer(): UnavailableError {
  const message = "the server ended the synchronization";
  return new UnavailableError(message, { method: SYNC_METHOD, origin: "server", retryable: true });
}

/** The next welcome says where to go on. */
function lostTrack(pushed: number, last: number): UnavailableError {
  const message = `the server has changes up to ${String(last)}, not ${String(pushed)}`;
  return new UnavailableError(message, { method: SYNC_METHOD, origin: "client", retryable: true });
}
