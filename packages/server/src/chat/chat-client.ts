import type { ChatMessage, ChatOpen } from "@millrace/shared-types";
import { durationOfMs, timestampOfMs } from "@millrace/shared-types";

import { durationMsOf } from "../events/watch-plan.js";
import type { Clock } from "../ports/clock.js";
import { type CallContext, DRAIN_NOTICE_MS } from "../rpc/call-context.js";
import { Watchdog } from "../rpc/watchdog.js";

import type { Caller } from "./caller.js";
import { controlMessage } from "./control-message.js";
import { Outbox } from "./outbox.js";
import type { NoticeKind } from "./room.js";

const MIN_HEARTBEAT_MS = 1000;
const MAX_HEARTBEAT_MS = 10 * 60 * 1000;

/** What a client asks for if it wants notices of a kind. */
const WISHES = { presence: "presence", typing: "typing", receipt: "receipts" } as const;

/**
 * The client at the other end of a chat stream. Until it has sent `open` it knows the seed's messages only, and
 * gets texts. Disposing of it stops its heartbeats.
 */
export class ChatClient implements Disposable {
  readonly caller: Caller;
  readonly outbox: Outbox;
  readonly #context: CallContext;
  readonly #clock: Clock;
  #wants: ChatOpen | undefined;
  #silence: Watchdog | undefined;
  #onDraining: (() => void) | undefined;

  constructor(caller: Caller, context: CallContext, clock: Clock) {
    this.caller = caller;
    this.outbox = new Outbox(context.signal, () => this.#silence?.touch());
    this.#context = context;
    this.#clock = clock;
  }

  /** What it has asked for; `undefined` if it knows texts only. */
  get wants(): ChatOpen | undefined {
    return this.#wants;
  }

  /** It knows more than texts, and wants this. @throws ServiceError `INVALID_FIELD` */
  open(wants: ChatOpen): void {
    const { heartbeatInterval } = wants;
    const intervalMs =
      heartbeatInterval === undefined ? 0 : durationMsOf(heartbeatInterval, "control.open.heartbeat_interval");
    this.#wants = wants;
    if (intervalMs > 0) this.#startHeartbeat(Math.min(Math.max(intervalMs, MIN_HEARTBEAT_MS), MAX_HEARTBEAT_MS));
    this.#announceDrain();
  }

  /** Sends a notice if it wants such. */
  notice(roomId: string, kind: NoticeKind, userId: string, message: ChatMessage): void {
    if (this.#wants?.[WISHES[kind]] === true) this.outbox.notice(`${kind}/${roomId}/${userId}`, message);
  }

  [Symbol.dispose](): void {
    this.#silence?.close();
    if (this.#onDraining !== undefined) this.#context.draining.removeEventListener("abort", this.#onDraining);
  }

  #startHeartbeat(intervalMs: number): void {
    const silence = new Watchdog(this.#clock, intervalMs, () => {
      this.outbox.notice("heartbeat", this.#heartbeat(intervalMs));
      silence.start();
    });
    this.#silence = silence;
    silence.start();
  }

  #heartbeat(intervalMs: number): ChatMessage {
    const value = {
      serverTime: timestampOfMs(this.#clock.now()),
      sequence: 0,
      resumeToken: "",
      interval: durationOfMs(intervalMs),
    };
    return controlMessage({ $case: "stream", value: { kind: { $case: "heartbeat", value } } });
  }

  /** Only now: a stream that asks for this signal is ended a little later than others. */
  #announceDrain(): void {
    const { draining } = this.#context;
    const value = { grace: durationOfMs(DRAIN_NOTICE_MS), resumeToken: "" };
    this.#onDraining = () => {
      this.outbox.put(controlMessage({ $case: "stream", value: { kind: { $case: "draining", value } } }));
    };
    draining.addEventListener("abort", this.#onDraining, { once: true });
    if (draining.aborted) this.#onDraining();
  }
}
