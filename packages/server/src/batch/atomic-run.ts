import {
  invalidField,
  MAX_MUTATION_BYTES,
  MAX_MUTATIONS,
  ProcessOutcome,
  type ProcessResult,
  ServiceError,
} from "@millrace/shared-types";

import { checkLimit } from "../events/check-limit.js";
import type { RowMutation } from "../ports/item-store.js";

import { isAtomic } from "./atomic-processor.js";
import { type BatchItem, ITEM_OVERHEAD_BYTES } from "./batch-item.js";
import type { BatchRecord } from "./batch-record.js";
import type { BatchRunInit } from "./batch-run.js";
import type { LiveBatch } from "./live-batches.js";
import { type Outcome, outcomeAt, outcomeUnder, storedKeyOf } from "./outcomes.js";
import { failedResult, resultFor, skippedResult } from "./run-item.js";
import { processorContextOf } from "./settle-item.js";
import { unlessAborted } from "./unless-aborted.js";

/** An item that is known not to succeed, or to have succeeded before, or the change that it makes. */
type Plan = { readonly result: ProcessResult } | { readonly change: RowMutation; readonly key: string | undefined };

/**
 * One stream of a batch of which all items succeed or none: holds them until the last one has come, and makes all
 * changes in the commit that has their outcomes.
 */
export class AtomicRun implements LiveBatch {
  readonly #init: BatchRunInit;
  readonly #stop = new AbortController();
  readonly #closed = Promise.withResolvers<void>();
  #isCancelled: boolean;

  constructor(init: BatchRunInit) {
    this.#init = init;
    this.#isCancelled = init.recorder.record.state === "cancelled";
  }

  get record(): BatchRecord {
    return this.#init.recorder.record;
  }

  async interrupt(reason: Error): Promise<void> {
    this.#stop.abort(reason);
    await this.#closed.promise;
  }

  async cancel(): Promise<void> {
    this.#isCancelled = true;
    await this.#init.recorder.setState("cancelled");
  }

  /**
   * All results, once they are durable.
   *
   * @throws ServiceError `FEATURE_DISABLED` if one of the processors cannot do this; `LIMIT_EXCEEDED`: nothing is changed
   */
  async *results(): AsyncGenerator<ProcessResult, void, undefined> {
    const { recorder, context, deps } = this.#init;
    const signal = AbortSignal.any([context.signal, this.#stop.signal]);
    try {
      const items = await unlessAborted(this.#readAll(), signal);
      const results = await this.#settle(items, signal);
      await recorder.setState("done");
      this.#closed.resolve(); // nothing of it runs, whether or not its client takes the results
      yield* results;
    } finally {
      await recorder.idle();
      deps.live.remove(this.record.key, this);
      this.#closed.resolve();
    }
  }

  /** At most {@link MAX_MUTATIONS} and {@link MAX_MUTATION_BYTES}. */
  async #readAll(): Promise<readonly BatchItem[]> {
    const { requests } = this.#init;
    const items: BatchItem[] = [];
    let bytes = 0;
    for (let item = await requests.next(); item !== undefined; item = await requests.next()) {
      checkSupport(item);
      bytes += item.bytes - ITEM_OVERHEAD_BYTES;
      checkLimit("items", "max_atomic_items", MAX_MUTATIONS, items.length + 1);
      checkLimit("items", "max_atomic_bytes", MAX_MUTATION_BYTES, bytes);
      items.push(item);
    }
    return items;
  }

  /** Holds all idempotency keys meanwhile, taken in the same order by everybody who takes several. */
  async #settle(items: readonly BatchItem[], signal: AbortSignal): Promise<readonly ProcessResult[]> {
    const { deps } = this.#init;
    const releases: (() => void)[] = [];
    try {
      for (const key of new Set(items.flatMap((item) => this.#keyOf(item) ?? []).sort())) {
        releases.push(await deps.claims.claim(key, signal));
      }
      signal.throwIfAborted();
      return await this.#commit(items);
    } finally {
      for (const release of releases) release();
    }
  }

  async #commit(items: readonly BatchItem[]): Promise<readonly ProcessResult[]> {
    const { recorder, deps } = this.#init;
    const known = await Promise.all(items.map((item) => outcomeAt(this.record, item, deps)));
    const rest = items.filter((_, index) => known[index] === undefined);
    const plans = this.#isCancelled ? [] : await this.#plan(rest);
    const fails = this.#isCancelled || plans.some((plan) => "result" in plan && isFailure(plan.result));
    const outcomes = rest.map((item, index) => outcomeOf(item, plans[index], fails));
    const changes = fails ? [] : plans.flatMap((plan) => ("change" in plan ? [plan.change] : []));
    if (outcomes.length > 0) await recorder.addAll(outcomes, changes);
    const results = outcomes.map(({ result }) => result).values();
    return known.map((result) => result ?? (results.next().value as ProcessResult));
  }

  async #plan(items: readonly BatchItem[]): Promise<readonly Plan[]> {
    const plans: Plan[] = [];
    const seen = new Map<string, number>();
    for (const item of items) {
      const { idempotencyKey } = item.request;
      const other = seen.get(idempotencyKey);
      if (idempotencyKey !== "") seen.set(idempotencyKey, item.index);
      plans.push(await this.#planOf(item, other));
    }
    return plans;
  }

  async #planOf(item: BatchItem, other: number | undefined): Promise<Plan> {
    const { deps, context } = this.#init;
    try {
      if (other !== undefined) throw invalidField("idempotency_key", `is also the key of item ${String(other)}`);
      const { processor, request } = item;
      if (processor instanceof ServiceError) throw processor;
      if (!isAtomic(processor)) throw unsupported(request.operation);
      const key = this.#keyOf(item);
      const result = key === undefined ? undefined : await outcomeUnder(key, item, deps);
      if (result !== undefined) return { result };
      const itemContext = { ...processorContextOf(item, { context, record: this.record }), attempt: 1 };
      const change = await processor.changeOf(request.payload, { ...itemContext, signal: context.signal });
      return { change, key };
    } catch (error) {
      if (error instanceof ServiceError) return { result: failedResult(item, error) };
      throw error;
    }
  }

  #keyOf({ request }: BatchItem): string | undefined {
    const { idempotencyKey } = request;
    return idempotencyKey === "" ? undefined : storedKeyOf(this.#init.context.principal.id, idempotencyKey);
  }
}

/** @throws ServiceError `FEATURE_DISABLED` */
export function checkSupport({ processor, request }: BatchItem): void {
  if (!(processor instanceof ServiceError) && !isAtomic(processor)) throw unsupported(request.operation);
}

function unsupported(operation: string): ServiceError {
  return new ServiceError("FEATURE_DISABLED", `${JSON.stringify(operation)} cannot run a batch atomically`);
}

function isFailure({ outcome }: ProcessResult): boolean {
  return outcome === ProcessOutcome.FAILED;
}

function outcomeOf(item: BatchItem, plan: Plan | undefined, fails: boolean): Outcome {
  if (plan === undefined)
    return { item, result: skippedResult(item, "not run: the batch was cancelled"), key: undefined };
  if ("result" in plan) return { item, result: plan.result, key: undefined };
  if (fails) return { item, result: skippedResult(item, "not made: another item of the batch failed"), key: undefined };
  const result = { ...resultFor(item), outcome: ProcessOutcome.SUCCEEDED, attempts: 1 };
  return { item, result, key: plan.key };
}
