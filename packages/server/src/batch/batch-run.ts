import { ProcessOutcome, type ProcessResult, ServiceError } from "@millrace/shared-types";

import { Fifo } from "../events/fifo.js";
import type { CallContext } from "../rpc/call-context.js";

import type { BatchDeps } from "./batch-deps.js";
import type { BatchItem } from "./batch-item.js";
import type { RunOptions } from "./batch-options.js";
import type { BatchRecord } from "./batch-record.js";
import type { BatchRequests } from "./batch-requests.js";
import type { LiveBatch } from "./live-batches.js";
import { OrderingLanes } from "./ordering-lanes.js";
import type { Recorder } from "./recorder.js";
import { type Settled, settleItem } from "./settle-item.js";

/** Items that were read and whose results were not taken, at most: then nothing more is read. */
const MAX_HELD_ITEMS = 2048;

/** … and what they take, in bytes, but for one item and for outputs that are larger than their payloads. */
const MAX_HELD_BYTES: number = 4 * 1024 * 1024;

/** A result besides its output, in memory, about, in bytes. */
const RESULT_OVERHEAD_BYTES = 512;

export interface BatchRunInit {
  readonly requests: BatchRequests;
  readonly recorder: Recorder;
  readonly options: RunOptions;
  readonly context: CallContext;
  readonly deps: BatchDeps;
}

interface HeldResult {
  readonly result: ProcessResult;
  readonly bytes: number;
}

/**
 * One stream of a batch: reads items as there is room, runs them, and hands out each result once it is durable. One
 * side takes results; when it does not, nothing more is read.
 */
export class BatchRun implements LiveBatch {
  readonly #init: BatchRunInit;
  readonly #lanes = new OrderingLanes();
  readonly #ready = new Fifo<BatchItem>();
  readonly #results = new Fifo<HeldResult>();
  /** Aborts with what the stream ends with. */
  readonly #stop = new AbortController();
  #heldItems = 0;
  #heldBytes = 0;
  /** Items that take one of the places of `max_concurrency`. */
  #running = 0;
  /** Items that were begun and whose outcome is not durable yet. */
  #inFlight = 0;
  /** Items that were read and have no result yet. */
  #open = 0;
  #hasAll = false;
  #isDraining = false;
  /** Another stream has the batch, or is about to: this one must not write to it any more. */
  #isReplaced = false;
  /** Why the items that are not begun are skipped. */
  #skips: string | undefined;
  #onRoom = (): void => {};
  #onChange = (): void => {};
  #onQuiet: (() => void)[] = [];

  constructor(init: BatchRunInit) {
    this.#init = init;
    const { record } = init.recorder;
    if (record.state === "cancelled") this.#skips = CANCELLED;
    else if (init.options.policy === "stop" && record.failed > 0) this.#skips = STOPPED;
  }

  get record(): BatchRecord {
    return this.#init.recorder.record;
  }

  /** Does not wait for a client that takes nothing. */
  async interrupt(reason: Error): Promise<void> {
    this.#isReplaced = true;
    this.#fail(reason);
    await this.#quiet();
  }

  async cancel(): Promise<void> {
    this.#skips = CANCELLED;
    await this.#init.recorder.setState("cancelled");
  }

  /**
   * Results as they come; ends once all items of the stream have theirs. Nothing of it runs any more when it settles.
   *
   * @throws what the stream ends with before that
   */
  async *results(): AsyncGenerator<ProcessResult, void, undefined> {
    const { signal, draining } = this.#init.context;
    const onAbort = (): void => this.#fail(signal.reason);
    const onDrain = (): void => this.#drain();
    signal.addEventListener("abort", onAbort, { once: true });
    draining.addEventListener("abort", onDrain, { once: true });
    if (signal.aborted) onAbort();
    void this.#readAll();
    try {
      for (let result = await this.#next(); result !== undefined; result = await this.#next()) yield result;
      if (this.#isReplaced) this.#stop.signal.throwIfAborted();
      await this.#init.recorder.setState("done");
    } finally {
      signal.removeEventListener("abort", onAbort);
      draining.removeEventListener("abort", onDrain);
      await this.#close();
    }
  }

  /** Never rejects. */
  async #readAll(): Promise<void> {
    const { requests } = this.#init;
    try {
      for (let item = await requests.next(); item !== undefined; item = await requests.next()) {
        if (this.#isDraining || this.#stop.signal.aborted) return;
        this.#take(item);
        while (this.#isFull && !this.#stop.signal.aborted) await this.#room();
      }
      this.#hasAll = true;
      this.#onChange();
    } catch (error) {
      this.#fail(error);
    }
  }

  get #isFull(): boolean {
    return this.#heldItems >= MAX_HELD_ITEMS || this.#heldBytes >= MAX_HELD_BYTES;
  }

  #take(item: BatchItem): void {
    this.#heldItems += 1;
    this.#heldBytes += item.bytes;
    this.#open += 1;
    if (!this.#lanes.enter(item)) return;
    this.#ready.push(item);
    this.#startReady();
  }

  #startReady(): void {
    while (this.#running < this.#init.options.maxConcurrency && !this.#isDraining && !this.#stop.signal.aborted) {
      const item = this.#ready.shift();
      if (item === undefined) return;
      this.#running += 1;
      this.#inFlight += 1;
      void this.#work(item);
    }
  }

  /** Never rejects. */
  async #work(item: BatchItem): Promise<void> {
    let settled: Settled | undefined;
    try {
      settled = await this.#settle(item);
      await this.#keep(settled);
      this.#handOut(item, settled.result);
    } catch (error) {
      this.#fail(error);
    }
    settled?.release?.();
    this.#inFlight -= 1;
    if (this.#isDraining) this.#drain();
    this.#startReady();
    this.#onChange();
    if (this.#inFlight === 0) for (const resolve of this.#onQuiet.splice(0)) resolve();
  }

  /** Gives back the place when the item has run, not only when that is durable. */
  async #settle(item: BatchItem): Promise<Settled> {
    const { deps, options, context } = this.#init;
    try {
      const settled = await settleItem(item, {
        deps,
        options,
        context,
        record: this.record,
        signal: this.#stop.signal,
        skips: this.#skips,
      });
      if (options.policy === "stop" && settled.result.outcome === ProcessOutcome.FAILED) this.#skips ??= STOPPED;
      return settled;
    } finally {
      this.#running -= 1;
      this.#startReady();
    }
  }

  async #keep({ outcome }: Settled): Promise<void> {
    if (outcome !== undefined) await this.#init.recorder.add(outcome);
  }

  #handOut(item: BatchItem, result: ProcessResult): void {
    const bytes = RESULT_OVERHEAD_BYTES + result.output.length;
    this.#heldBytes += bytes - item.bytes;
    this.#open -= 1;
    this.#results.push({ result, bytes });
    const next = this.#lanes.leave(item);
    if (next !== undefined) this.#ready.push(next);
  }

  /** What is durable is told before the stream ends, for whatever reason. */
  async #next(): Promise<ProcessResult | undefined> {
    for (;;) {
      const held = this.#results.shift();
      if (held !== undefined) return this.#give(held);
      if (this.#hasAll && this.#open === 0) return undefined;
      this.#stop.signal.throwIfAborted();
      await this.#change();
    }
  }

  #give({ result, bytes }: HeldResult): ProcessResult {
    this.#heldItems -= 1;
    this.#heldBytes -= bytes;
    this.#onRoom();
    return result;
  }

  #room(): Promise<void> {
    return new Promise((resolve) => (this.#onRoom = resolve));
  }

  #change(): Promise<void> {
    return new Promise((resolve) => (this.#onChange = resolve));
  }

  /** What is begun may end; the rest is left to another stream. */
  #drain(): void {
    this.#isDraining = true;
    const isDone = this.#hasAll && this.#open === 0;
    if (this.#inFlight === 0 && !isDone) this.#fail(drained());
  }

  #fail(reason: unknown): void {
    this.#stop.abort(reason);
    this.#onRoom();
    this.#onChange();
  }

  async #close(): Promise<void> {
    this.#fail(new Error("the stream is over"));
    await this.#quiet();
    this.#init.deps.live.remove(this.record.key, this);
  }

  /** Waits for the items that are under way: a second at most, and for the disk. */
  async #quiet(): Promise<void> {
    while (this.#inFlight > 0) await new Promise<void>((resolve) => this.#onQuiet.push(resolve));
    await this.#init.recorder.idle();
  }
}

const CANCELLED = "not run: the batch was cancelled";
const STOPPED = "not run: another item failed";

function drained(): ServiceError {
  return new ServiceError("DRAINING", "the server is draining; items without a result have none yet");
}
