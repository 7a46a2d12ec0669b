import { type EncodedMessages, Event, type WatchRequest } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";
import { type Steps, StepStream } from "../rpc/steps.js";

import { type EncodedRun, encodedRunOf } from "./encoded-run.js";
import type { EventsDeps } from "./events-deps.js";
import { openWatch, type Watch, type WatchPace, type WatchStep } from "./watch.js";

const PACE: WatchPace = { maxEvents: 512, maxBytes: 64 * 1024, delayMs: 0, readsAhead: true, sharesRuns: true };

/** An event or a control, or several events that are serialized. */
type Sent = Event | EncodedMessages;

/**
 * Streams the events that a request selects, in the order of the log, each exactly once, and does not end by
 * itself unless the request says where. A slow client reads from storage at its own pace: it costs two runs of
 * events, each 64 KiB and one publication. Headers are sent when the watch is in place: a publication that is
 * acknowledged after that is delivered. Controls are sent only if the request asks for them.
 *
 * @throws ServiceError `INVALID_FIELD`, `LIMIT_EXCEEDED`, `INVALID_FILTER`, `INVALID_CURSOR`, `EPOCH_CHANGED`,
 * `COMPACTED` (also later, if retention overtakes the client), `FUTURE_POSITION`, `SLOW_CONSUMER`
 */
export function watchEvents(request: WatchRequest, context: CallContext, deps: EventsDeps): StepStream<Sent> {
  return new StepStream(async () => new WatchedEvents(await openWatch(request, "", PACE, context, deps), deps));
}

/** Live events pass through here at once: with a thousand watchers, every promise on the way would be a thousand. */
class WatchedEvents implements Steps<Sent> {
  readonly #onStep = (step: WatchStep | undefined): Sent | undefined | Promise<Sent> => this.#begin(step);
  readonly #watch: Watch;
  readonly #deps: EventsDeps;
  /** What is being sent, as far as its piece `#next`. */
  #run: EncodedRun | undefined;
  #next = 0;

  constructor(watch: Watch, deps: EventsDeps) {
    this.#watch = watch;
    this.#deps = deps;
  }

  next(): Sent | undefined | Promise<Sent | undefined> {
    const sent = this.#run?.piece(this.#next - 1);
    if (sent !== undefined) this.#watch.onSent(sent.sequence);
    return this.#nextPiece() ?? this.#nextStep();
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
  }

  #nextPiece(): Sent | undefined | Promise<Sent> {
    const piece = this.#run?.piece(this.#next++);
    if (piece === undefined) this.#run = undefined;
    return piece?.messages;
  }

  #nextStep(): Sent | undefined | Promise<Sent | undefined> {
    const step = this.#watch.next();
    return step instanceof Promise ? step.then(this.#onStep) : this.#begin(step);
  }

  #begin(step: WatchStep | undefined): Sent | undefined | Promise<Sent> {
    if (step === undefined) return undefined;
    if ("control" in step) return Event.fromPartial({ control: step.control });
    this.#run = encodedRunOf(step.events, this.#watch.plan.view, this.#deps.log);
    this.#next = 0;
    return this.#nextPiece();
  }
}
