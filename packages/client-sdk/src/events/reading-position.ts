import { type EventBatch, StartPosition, type StreamControl } from "@millrace/shared-types";

import { InternalError } from "../errors.js";
import { handled } from "../rpc/handled.js";
import type { HeaderMap } from "../rpc/transport.js";
import type { WireStart } from "./event-start.js";
import type { PositionMemory } from "./position-memory.js";

/** Response header with the position where a reading begins. */
const START_HEADER = "millrace-resume-token";

/** Where a call is to begin. */
export interface CallStart {
  readonly start: WireStart | undefined;
  /** Begin with the newest event of every key. */
  readonly sendInitialState: boolean;
}

/** How far a reading has got: what its consumer has finished, over all attempts and processes. */
export class ReadingPosition {
  readonly #start: WireStart;
  readonly #memory: PositionMemory | undefined;
  /** The state of the keys is being sent: how far that went only its events tell. */
  #isInitial: boolean;
  #token: string | undefined;
  /** Where the server put the first call: as good as a position until there is one. */
  #startedAt: string | undefined;
  #isLive = false;
  #isRestored = false;
  #saved: Promise<void> | undefined;

  constructor(start: WireStart, sendInitialState: boolean, memory: PositionMemory | undefined) {
    this.#start = start;
    this.#token = start.$case === "resumeToken" ? start.value : undefined;
    this.#isInitial = sendInitialState && this.#token === undefined;
    this.#memory = memory;
  }

  get token(): string | undefined {
    return this.#token ?? this.#startedAt;
  }

  /** A call has been in place. */
  get isLive(): boolean {
    return this.#isLive;
  }

  /**
   * Where the next call begins. What an earlier process stored counts more than where this one was told to begin.
   *
   * @throws {InternalError} if that is not known any more
   * @throws what the store throws
   */
  async next(): Promise<CallStart> {
    if (!this.#isRestored) await this.#restore();
    const { token } = this;
    if (token !== undefined) return { start: { $case: "resumeToken", value: token }, sendInitialState: false };
    if (this.#isInitial) return { start: undefined, sendInitialState: true };
    if (this.#isLive && isMoving(this.#start)) throw unknownStart();
    return { start: this.#start, sendInitialState: false };
  }

  /** A call is in place. */
  begun(headers: HeaderMap): void {
    this.#isLive = true;
    const token = headers[START_HEADER];
    // Behind the start of the state there are only changes.
    if (typeof token === "string" && !this.#isInitial) this.#startedAt ??= token;
  }

  /** The consumer has finished everything up to `token`. Throws what the store threw. */
  reach(token: string): void {
    if (token === "") return;
    this.#token = token;
    this.#memory?.advance(token);
  }

  /** All that was stored has been given out and finished. */
  caughtUp(token: string): void {
    this.#isInitial = false;
    this.reach(token);
  }

  /** A batch is finished, and so is what was looked at and not selected. */
  passed(batch: EventBatch): void {
    if (!this.#isInitial) this.reach(batch.control === undefined ? batch.resumeToken : tokenOf(batch.control));
  }

  /** Makes sure that the store has the position; nothing may be reached any more. Needs no handler. */
  save(): Promise<void> {
    this.#saved ??= handled(this.#memory?.close() ?? Promise.resolve());
    return this.#saved;
  }

  async #restore(): Promise<void> {
    const token = await this.#memory?.load();
    this.#isRestored = true;
    if (token === undefined) return;
    this.#token = token;
    this.#isInitial = false;
  }
}

/** Whether it would be another place a moment later. */
function isMoving(start: WireStart): boolean {
  return start.$case === "startPosition" && start.value === StartPosition.END;
}

function tokenOf({ kind }: StreamControl): string {
  switch (kind?.$case) {
    case "heartbeat":
    case "caughtUp":
    case "draining":
      return kind.value.resumeToken;
    default:
      return "";
  }
}

function unknownStart(): InternalError {
  const message = "the server did not say where the watch began: what was published meanwhile may be missing";
  return new InternalError(message, { origin: "server" });
}
