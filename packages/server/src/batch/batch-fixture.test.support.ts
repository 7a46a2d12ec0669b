import {
  BatchFailurePolicy,
  type BatchOptions,
  createTokenSigner,
  type PartialMessage,
  type ProcessRequest,
  ProcessOutcome,
  type ProcessResponse,
  type ProcessResult,
  ProcessStreamRequest,
} from "@millrace/shared-types";

import { MemoryEventLog } from "../adapters/memory/memory-event-log.js";
import { MemoryItemStore } from "../adapters/memory/memory-item-store.js";
import { MemoryRecordStore } from "../adapters/memory/memory-record-store.js";
import { type Data, openData } from "../data/open-data.js";
import { type Events, openEvents } from "../events/open-events.js";
import { contextOf } from "../files/files-fixture.test.support.js";
import type { ItemStore } from "../ports/item-store.js";
import type { CallContext } from "../rpc/call-context.js";
import { ManualClock } from "../testing/manual-clock.js";

import { type Batches, type BatchesOptions, openBatches } from "./open-batches.js";
import { processStream } from "./process-stream.js";
import { defineProcessor, type Processor, type ProcessorContext } from "./processor.js";

/** The batch domain for a test, by default in memory, with a clock that the test moves. */
export interface BatchFixture extends AsyncDisposable {
  readonly batch: Batches;
  readonly data: Data;
  readonly events: Events;
  readonly items: ItemStore;
  readonly clock: ManualClock;
}

/** Opens a {@link BatchFixture}. */
export async function openBatchFixture(options: Partial<BatchesOptions> = {}): Promise<BatchFixture> {
  const clock = new ManualClock(Date.UTC(2026, 0, 1, 12));
  const { items = new MemoryItemStore({ clock }) } = options;
  const records = new MemoryRecordStore();
  const shared = { clock, tokenSigner: createTokenSigner(Buffer.alloc(32, 1)), clusterId: "c1", records };
  const data = await openData({ ...shared, items });
  const events = await openEvents({ ...shared, eventLog: new MemoryEventLog({ clock }), limits: { maxLingerMs: 0 } });
  const batch = await openBatches({ ...shared, data, events, ...options, items });
  return {
    batch,
    data,
    events,
    items,
    clock,
    async [Symbol.asyncDispose]() {
      await batch[Symbol.asyncDispose]();
      await events[Symbol.asyncDispose]();
      await data[Symbol.asyncDispose]();
    },
  };
}

export const STOP: PartialMessage<BatchOptions> = { failurePolicy: BatchFailurePolicy.STOP };
export const ATOMIC: PartialMessage<BatchOptions> = { failurePolicy: BatchFailurePolicy.ATOMIC };

/** Moves time on, a bit whenever nothing else happens, until `work` is done. */
export async function inTime<T>(fixture: BatchFixture, work: Promise<T>, stepMs: number): Promise<T> {
  let isDone = false;
  const done = work.finally(() => (isDone = true));
  done.catch(() => undefined);
  while (!isDone) {
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    if (!isDone) fixture.clock.advance(stepMs);
  }
  return done;
}

/** What a stream gave, results in order of index. */
export interface StreamRun {
  readonly results: readonly ProcessResult[];
  readonly summary: ProcessResponse | undefined;
}

/** The messages of a stream: options, then the items. */
export async function* requestsOf(
  items: Iterable<PartialMessage<ProcessRequest> & { readonly index?: number }>,
  options: PartialMessage<BatchOptions> = {},
): AsyncGenerator<ProcessStreamRequest, void, undefined> {
  yield ProcessStreamRequest.fromPartial({ options });
  for (const { index, ...item } of items) yield ProcessStreamRequest.fromPartial({ item, index });
}

/** Sends all and takes all. */
export async function run(
  fixture: BatchFixture,
  items: Iterable<PartialMessage<ProcessRequest> & { readonly index?: number }>,
  options: PartialMessage<BatchOptions> = {},
  context: CallContext = contextOf(),
): Promise<StreamRun> {
  return gathered(processStream(requestsOf(items, options), context, fixture.batch));
}

export async function gathered(stream: ReturnType<typeof processStream>): Promise<StreamRun> {
  const results: ProcessResult[] = [];
  let summary: ProcessResponse | undefined;
  for await (const { kind } of stream) {
    if (kind?.$case === "result") results.push(kind.value);
    else summary = kind?.value;
  }
  return { results: results.sort((a, b) => a.index - b.index), summary };
}

export interface RunFacts {
  readonly text: string;
  readonly context: ProcessorContext;
}

/** A processor that notes what it runs, and does what a test says. */
export class TestProcessor {
  readonly runs: RunFacts[] = [];
  readonly processors: Readonly<Record<string, Processor>>;

  constructor(work: (facts: RunFacts) => Promise<string> | string = ({ text }) => `done ${text}`) {
    const test = defineProcessor({
      description: "For tests.",
      run: (payload, context) => {
        const facts = { text: Buffer.from(payload).toString(), context };
        this.runs.push(facts);
        return work(facts);
      },
    });
    this.processors = { test };
  }

  get texts(): string[] {
    return this.runs.map(({ text }) => text);
  }
}

/** Items for the processor `test`. */
export function texts(...payloads: readonly string[]): PartialMessage<ProcessRequest>[] {
  return payloads.map((text) => ({ operation: "test", payload: Buffer.from(text) }));
}

export function numbered(count: number): PartialMessage<ProcessRequest>[] {
  return texts(...Array.from({ length: count }, (_, n) => String(n)));
}

const NAMES = new Map<number, string>([
  [ProcessOutcome.SUCCEEDED, "succeeded"],
  [ProcessOutcome.FAILED, "failed"],
  [ProcessOutcome.SKIPPED, "skipped"],
]);

/** Outcome of each result, as a word. */
export function outcomesOf({ results }: Pick<StreamRun, "results">): string[] {
  return results.map(({ outcome }) => NAMES.get(outcome) ?? "none");
}

export function outputsOf({ results }: Pick<StreamRun, "results">): string[] {
  return results.map(({ output }) => Buffer.from(output).toString());
}

/** A stream whose items a test sends one by one. */
export class ItemStream implements AsyncIterable<ProcessStreamRequest> {
  readonly #messages: ProcessStreamRequest[] = [];
  #end: { readonly error?: Error } | undefined;
  #wake = (): void => {};
  #reads = 0;

  constructor(options: PartialMessage<BatchOptions> = {}) {
    this.#messages.push(ProcessStreamRequest.fromPartial({ options }));
  }

  /** Messages that were asked for. */
  get reads(): number {
    return this.#reads;
  }

  send(...items: readonly PartialMessage<ProcessRequest>[]): void {
    this.#messages.push(...items.map((item) => ProcessStreamRequest.fromPartial({ item })));
    this.#wake();
  }

  halfClose(): void {
    this.#end = {};
    this.#wake();
  }

  cut(error: Error): void {
    this.#end = { error };
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ProcessStreamRequest, void, undefined> {
    for (;;) {
      this.#reads += 1;
      while (this.#messages.length === 0 && this.#end === undefined) {
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
      const message = this.#messages.shift();
      if (message !== undefined) yield message;
      else if (this.#end?.error !== undefined) throw this.#end.error;
      else return;
    }
  }
}
