import {
  type ConsumeNack,
  type ConsumeRequest,
  type ConsumeResponse,
  durationOfMs,
  NackAction,
  type PartialMessage,
} from "@millrace/shared-types";

import type { ClientClock } from "../options.js";
import type { DuplexStream } from "../rpc/streams.js";
import type { Verdict } from "./verdict.js";

type Kind = NonNullable<PartialMessage<ConsumeRequest>["kind"]>;

/** How many times a deadline is moved before it is over: one message may be late, or lost with its stream. */
const EXTENSIONS_PER_DEADLINE = 3;

/** What one stream of a consumer says to the server. Acknowledgements that wait go into one message. */
export class ConsumeSession implements Disposable {
  readonly #stream: DuplexStream<PartialMessage<ConsumeRequest>, ConsumeResponse>;
  readonly #clock: ClientClock;
  #acks: string[] = [];
  /** Bounded by what may be in flight, and one extension of it. */
  #others: Kind[] = [];
  #isSending = false;
  #isFinished = false;
  #stopTimer: () => void = () => {};

  constructor(stream: DuplexStream<PartialMessage<ConsumeRequest>, ConsumeResponse>, clock: ClientClock) {
    this.#stream = stream;
    this.#clock = clock;
  }

  say(kind: Kind): void {
    this.#others.push(kind);
    this.#send();
  }

  tell(ackId: string, verdict: Verdict): void {
    if (verdict.kind !== "done") return this.say({ $case: "nack", value: toNack(ackId, verdict) });
    this.#acks.push(ackId);
    this.#send();
  }

  /** Moves the deadlines of the attempts that `toExtend` lists, in time, again and again. */
  extend(ackDeadlineMs: number, toExtend: () => readonly string[]): void {
    this.#stopTimer = this.#clock.after(ackDeadlineMs / EXTENSIONS_PER_DEADLINE, () => {
      const ackIds = [...toExtend()];
      const deadline = durationOfMs(ackDeadlineMs);
      if (ackIds.length > 0) this.say({ $case: "extend", value: { ackIds, deadline } });
      this.extend(ackDeadlineMs, toExtend);
    });
  }

  /** Says no more than what was said already. */
  finish(): void {
    this.#isFinished = true;
    this.#send();
  }

  [Symbol.dispose](): void {
    this.#stopTimer();
  }

  #send(): void {
    if (this.#isSending) return;
    this.#isSending = true;
    void this.#sendAll();
  }

  /** Never rejects: what ends the stream is told by its responses. */
  async #sendAll(): Promise<void> {
    try {
      // Acknowledgements of one moment find each other here.
      await Promise.resolve();
      for (let kind = this.#next(); kind !== undefined; kind = this.#next()) await this.#stream.send({ kind });
      if (this.#isFinished) await this.#stream.end();
    } catch {
      this.#acks = [];
      this.#others = [];
    }
    this.#isSending = false;
  }

  #next(): Kind | undefined {
    const other = this.#others.shift();
    if (other !== undefined || this.#acks.length === 0) return other;
    const ackIds = this.#acks;
    this.#acks = [];
    return { $case: "ack", value: { ackIds } };
  }
}

function toNack(ackId: string, verdict: Exclude<Verdict, { kind: "done" }>): PartialMessage<ConsumeNack> {
  const { kind, reason } = verdict;
  const common = { ackIds: [ackId], reason };
  if (kind === "park") return { ...common, action: NackAction.PARK };
  const { delayMs } = verdict;
  return { ...common, action: NackAction.RETRY, delay: delayMs === undefined ? undefined : durationOfMs(delayMs) };
}
