import { GapReason, ServiceError, type StreamControl, type WatchRequest } from "@millrace/shared-types";

import { PositionCompacted } from "../ports/event-log.js";
import type { CallContext } from "../rpc/call-context.js";

import { BoundedRead } from "./bounded-read.js";
import { coalesce } from "./coalesce.js";
import type { EventsDeps } from "./events-deps.js";
import type { FeedCursor, FeedRun, RunLimits } from "./feed.js";
import { gather } from "./gather.js";
import { Rest } from "./rest.js";
import { compacted, startOf } from "./start-position.js";
import { caughtUp, fellBehind, gap } from "./watch-controls.js";
import { WatchNotices } from "./watch-notices.js";
import { type WatchPlan, watchPlanOf } from "./watch-plan.js";

/** How much a watch gives out at a time. */
export interface WatchPace extends RunLimits {
  /** How long it waits for more events when it has some, but less than that, in milliseconds. */
  readonly delayMs: number;
}

/** What a watch sends next: events, or something about the stream. */
export type WatchStep = FeedRun | { readonly control: StreamControl; readonly position: number };

/**
 * Begins a watch, and tells the client that it has: what is published after that is not missed.
 *
 * @param path of the request's fields, such as `watch.`
 * @throws ServiceError as `watchPlanOf` and `startOf` do
 */
export async function openWatch(
  request: WatchRequest,
  path: string,
  pace: WatchPace,
  context: CallContext,
  deps: EventsDeps,
): Promise<Watch> {
  const plan = watchPlanOf(request, path, deps.limits);
  const after = await startOf(request.start, path, deps);
  const state = plan.sendsInitialState ? await openState(plan, after, deps) : undefined;
  const watch = new Watch({ plan, pace, state, cursor: deps.feed.open(plan.selection, after), context, deps });
  context.resumeFrom(() => watch.resumeToken);
  context.sendHeaders({ "millrace-resume-token": watch.resumeToken });
  return watch;
}

async function openState({ selection }: WatchPlan, until: number, deps: EventsDeps): Promise<BoundedRead> {
  const { firstSequence } = await deps.log.range();
  return new BoundedRead(selection, { after: firstSequence - 1, until, newestOfKey: true }, deps);
}

interface WatchParts {
  readonly plan: WatchPlan;
  readonly pace: WatchPace;
  readonly state: BoundedRead | undefined;
  readonly cursor: FeedCursor;
  readonly context: CallContext;
  readonly deps: EventsDeps;
}

/** Reads along for one client, and decides what it is told. Holds one run of events; its cursor may hold the next. */
export class Watch implements Disposable {
  readonly plan: WatchPlan;
  readonly #pace: WatchPace;
  /** What comes before the cursor's events. */
  readonly #state: BoundedRead | undefined;
  readonly #cursor: FeedCursor;
  readonly #signal: AbortSignal;
  readonly #deps: EventsDeps;
  readonly #rest: Rest;
  readonly #notices: WatchNotices;
  /** Events that it may still give out. */
  #left: number;
  /** It has caught up, and has not fallen behind since. */
  #isLive = false;
  /** Where it will have caught up. */
  #goal: number;
  #isCoalescing = false;
  /** What was read already, but comes after something that the client has to be told. */
  #held: FeedRun | undefined;
  /** There was nothing more to read. */
  #isIdle = false;
  #isWaiting = false;
  /** Everything up to here was given out … */
  #given: number;
  /** … and up to here it was sent. */
  #sent: number;

  constructor({ plan, pace, state, cursor, context, deps }: WatchParts) {
    this.plan = plan;
    this.#pace = pace;
    this.#state = state;
    this.#cursor = cursor;
    this.#signal = context.signal;
    this.#deps = deps;
    this.#rest = new Rest(cursor, context.signal);
    this.#notices = new WatchNotices(plan, this.#rest, context, deps);
    this.#left = plan.limit;
    this.#goal = deps.feed.lastSequence;
    this.#given = (state ?? cursor).position;
    this.#sent = this.#given;
  }

  /** Where a client goes on if the stream ends now. */
  get resumeToken(): string {
    return this.#deps.positions.tokenAfter(this.#isWaiting ? this.#position : this.#sent);
  }

  /** What comes next, once there is something; `undefined` when the watch is over. Whatever came before has been sent. */
  next(): WatchStep | undefined | Promise<WatchStep | undefined> {
    this.onSent(this.#given);
    const found = this.#next();
    return found instanceof Promise ? this.#nextAfter(found) : found;
  }

  /** Events that were given out have been sent, up to this sequence. */
  onSent(sequence: number): void {
    this.#sent = sequence;
    this.#notices.onSent();
  }

  [Symbol.dispose](): void {
    this.#notices[Symbol.dispose]();
    this.#rest[Symbol.dispose]();
    this.#cursor[Symbol.dispose]();
  }

  /** Everything that the client wants up to here was given out. */
  get #position(): number {
    if (this.#held !== undefined || this.#left === 0) return this.#given;
    const { position } = this.#state?.isOver === false ? this.#state : this.#cursor;
    return Math.min(position, this.plan.untilSequence);
  }

  /** Looks its position up only if it has to. */
  get #isOver(): boolean {
    const { untilSequence } = this.plan;
    return this.#left === 0 || (untilSequence < Infinity && this.#position >= untilSequence);
  }

  /** What comes next if it is at hand; else what has to come first, a run of events or the end of a rest. */
  #next(): WatchStep | undefined | Promise<FeedRun | void> {
    for (;;) {
      this.#signal.throwIfAborted();
      if (this.#notices.isDue) return this.#notice();
      if (this.#isOver) return undefined;
      if (this.#isIdle) return this.#wait();
      if (this.#isLive && !this.#cursor.isInMemory) this.#fallBehind();
      else {
        const run = this.#nextRun();
        const step = run instanceof Promise ? run : this.#take(run);
        if (step !== undefined) return step;
      }
    }
  }

  /** In a loop, not in a chain of promises: a search may read for a long time before it finds something. */
  async #nextAfter(first: Promise<FeedRun | void>): Promise<WatchStep | undefined> {
    for (let awaited = first; ;) {
      const run = await awaited;
      this.#isWaiting = false;
      const found = (run === undefined ? undefined : this.#take(run)) ?? this.#next();
      if (!(found instanceof Promise)) return found;
      awaited = found;
    }
  }

  #notice(): WatchStep {
    const position = this.#position;
    return { control: this.#notices.take(position), position };
  }

  #wait(): Promise<void> {
    this.#isIdle = false;
    this.#isWaiting = true;
    return this.#rest.take(this.plan.untilSequence);
  }

  /** Takes what was read. Gives nothing if nothing of it is to be sent. */
  #take(read: FeedRun): WatchStep | undefined {
    const run = this.#cut(read);
    const { events, position, caughtUp: isAll } = run;
    this.#left -= events.length;
    this.#given = position;
    this.#isIdle = isAll;
    if (!this.#isLive && (isAll || position >= this.#goal) && this.#cursor.isInMemory) this.#becomeLive();
    if (events.length > 0) return run;
    this.#sent = position;
    return undefined;
  }

  #becomeLive(): void {
    this.#isLive = true;
    this.#isCoalescing = false;
    this.#notices.add(caughtUp(this.#given, this.#deps));
  }

  #nextRun(): FeedRun | Promise<FeedRun> {
    if (this.#held !== undefined) return this.#takeHeld(this.#held);
    if (this.#state?.isOver === false) return this.#nextOfState(this.#state);
    return this.#isCoalescing ? this.#nextCoalesced() : this.#nextOfCursor();
  }

  get #limits(): RunLimits {
    return this.#left < this.#pace.maxEvents ? { ...this.#pace, maxEvents: this.#left } : this.#pace;
  }

  #takeHeld(run: FeedRun): FeedRun {
    this.#held = undefined;
    return run;
  }

  async #nextOfState(state: BoundedRead): Promise<FeedRun> {
    return { ...(await state.next(this.#limits)), caughtUp: false };
  }

  #nextOfCursor(): FeedRun | Promise<FeedRun> {
    const run = this.#cursor.next(this.#limits);
    return run instanceof Promise ? this.#nextOfStorage(run) : this.#gathered(run);
  }

  async #nextOfStorage(reading: Promise<FeedRun>): Promise<FeedRun> {
    try {
      return await this.#gathered(await reading);
    } catch (error) {
      return this.#skipCompacted(error);
    }
  }

  #gathered(run: FeedRun): FeedRun | Promise<FeedRun> {
    const { delayMs } = this.#pace;
    if (delayMs === 0 || run.events.length === 0 || !run.caughtUp) return run;
    const parts = { cursor: this.#cursor, rest: this.#rest, clock: this.#deps.clock };
    return gather(run, parts, { ...this.#limits, delayMs, untilSequence: this.plan.untilSequence });
  }

  async #nextCoalesced(): Promise<FeedRun> {
    const { feed } = this.#deps;
    try {
      const { events, position, skipped } = await coalesce(this.#cursor, feed.lastSequence, this.#signal);
      const run = { events, position, caughtUp: position >= feed.lastSequence };
      if (skipped === undefined) return run;
      this.#held = run;
      return this.#tell(gap(skipped, GapReason.COALESCED));
    } catch (error) {
      return this.#skipCompacted(error);
    }
  }

  /** Leaves out what retention has removed, if the client allows that. */
  #skipCompacted(error: unknown): FeedRun {
    if (!(error instanceof PositionCompacted)) throw error;
    const { slowPolicy } = this.plan;
    const mayLeaveOut = slowPolicy === "drop-oldest" || slowPolicy === "coalesce";
    if (!mayLeaveOut) throw compacted(error.firstSequence, this.#deps.positions);
    return this.#tell(gap(this.#cursor.skipTo(error.firstSequence - 1), GapReason.COMPACTED));
  }

  #fallBehind(): void {
    switch (this.plan.slowPolicy) {
      case "disconnect":
        throw slowConsumer(this.resumeToken);
      case "drop-oldest":
        return void this.#tell(gap(this.#cursor.skipToMemory(), GapReason.SLOW_CONSUMER));
      case "catch-up":
      case "coalesce":
        this.#isLive = false;
        this.#isCoalescing = this.plan.slowPolicy === "coalesce";
        this.#goal = this.#deps.feed.lastSequence;
        this.#notices.add(fellBehind(this.#given, this.#goal));
    }
  }

  /** No events until the client has been told. */
  #tell(control: StreamControl): FeedRun {
    this.#notices.add(control);
    return { events: [], position: this.#given, caughtUp: false };
  }

  /** Cuts off what the client does not want any more. */
  #cut(run: FeedRun): FeedRun {
    const { untilSequence } = this.plan;
    if (run.position <= untilSequence && run.events.length <= this.#left) return run;
    const wanted = run.events.filter(({ log }) => log.sequence <= untilSequence);
    const events = wanted.slice(0, this.#left);
    const last = events.length < wanted.length ? events.at(-1)?.log.sequence : undefined;
    return { events, position: last ?? Math.min(run.position, untilSequence), caughtUp: false };
  }
}

function slowConsumer(resumeToken: string): ServiceError {
  return new ServiceError("SLOW_CONSUMER", "what comes next is no longer in memory", {
    metadata: { resume_token: resumeToken },
  });
}
