import { DatasetServiceDefinition, MAX_MUTATION_BYTES, methodPath } from "@millrace/shared-types";

import { StreamingError } from "../errors.js";
import { cancelledBy } from "../files/cancelled-by.js";
import { unlessAborted } from "../files/unless-aborted.js";
import type { RequestSource } from "../rpc/rpc.js";
import { checkImportOptions } from "./check-data-options.js";
import type { DataDeps } from "./data-api.js";
import { type ImportBatch, ImportBatches } from "./import-batches.js";
import { ImportTally } from "./import-tally.js";
import { untilKnown } from "./mutate.js";
import type { ImportOptions, ImportResult, MutationOutcome, OutgoingItem } from "./types.js";

const METHOD = methodPath(DatasetServiceDefinition, DatasetServiceDefinition.methods.mutateItems).slice(1);

const DEFAULT_IN_FLIGHT = 4;

/** Stores items in batches. See {@link DataApi.import}. */
export async function importItems<T extends OutgoingItem>(
  deps: DataDeps,
  items: RequestSource<T>,
  options: ImportOptions<T> = {},
): Promise<ImportResult> {
  checkImportOptions(options);
  return new ImportRun(deps, new ImportBatches(items, options), options).untilStored();
}

/** One import: the batches that are on their way, and what came of the others. */
class ImportRun<T extends OutgoingItem> {
  readonly #deps: DataDeps;
  readonly #batches: ImportBatches<T>;
  readonly #options: ImportOptions<T>;
  readonly #tally: ImportTally;
  readonly #inFlight = new Map<ImportBatch<T>, Promise<void>>();
  /** Aborts with what a batch failed with, or when the import is over. */
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;

  constructor(deps: DataDeps, batches: ImportBatches<T>, options: ImportOptions<T>) {
    this.#deps = deps;
    this.#batches = batches;
    this.#options = options;
    this.#tally = new ImportTally(deps.clock);
    this.#signal = options.signal ? AbortSignal.any([options.signal, this.#stop.signal]) : this.#stop.signal;
  }

  async untilStored(): Promise<ImportResult> {
    try {
      for (let batch = await this.#next(); batch !== undefined; batch = await this.#next()) {
        while (this.#mustWait(batch)) await this.#unlessStopped(Promise.race(this.#inFlight.values()));
        this.#inFlight.set(batch, this.#store(batch));
      }
      while (this.#inFlight.size > 0) await this.#unlessStopped(Promise.race(this.#inFlight.values()));
      return this.#tally.result;
    } finally {
      this.#stop.abort();
      this.#batches.leave();
      // Nothing of it runs any more when this settles.
      await Promise.all(this.#inFlight.values());
    }
  }

  #next(): Promise<ImportBatch<T> | undefined> {
    return this.#unlessStopped(this.#batches.next());
  }

  async #unlessStopped<V>(promise: Promise<V>): Promise<V> {
    try {
      return await unlessAborted(promise, this.#signal);
    } catch (error) {
      throw this.#options.signal?.aborted === true ? cancelledBy(this.#options.signal, METHOD) : error;
    }
  }

  /** For room, and because the last item of a key counts: it is sent when the one before is known to be stored. */
  #mustWait({ keys }: ImportBatch<T>): boolean {
    const { maxInFlight = DEFAULT_IN_FLIGHT } = this.#options;
    if (this.#inFlight.size >= maxInFlight) return true;
    for (const other of this.#inFlight.keys()) for (const key of keys) if (other.keys.has(key)) return true;
    return false;
  }

  /** Never rejects. */
  async #store(batch: ImportBatch<T>): Promise<void> {
    try {
      for (const [index, outcome] of (await this.#outcomesOf(batch)).entries()) this.#count(batch, index, outcome);
      this.#options.onProgress?.(this.#tally.progress);
    } catch (error) {
      this.#stop.abort(error);
    }
    this.#inFlight.delete(batch);
  }

  async #outcomesOf({ request, bytes }: ImportBatch<T>): Promise<readonly MutationOutcome[]> {
    try {
      return await untilKnown(this.#deps, request, { ...this.#options, signal: this.#signal });
    } catch (error) {
      // One item that no request can hold.
      if (bytes > MAX_MUTATION_BYTES && isRefusal(error)) return [{ error }];
      throw error;
    }
  }

  #count({ request, items }: ImportBatch<T>, index: number, outcome: MutationOutcome): void {
    const item = items[index];
    const operation = request.mutations[index]?.operation;
    if (item === undefined || operation?.$case !== "put") return;
    if (!("error" in outcome)) return this.#tally.stored(operation.value.data.byteLength);
    const { onRejected } = this.#options;
    if (onRejected === undefined) throw outcome.error;
    this.#tally.rejected();
    onRejected(item, outcome.error);
  }
}

function isRefusal(error: unknown): error is StreamingError {
  return StreamingError.is(error) && (error.kind === "invalid-argument" || error.kind === "message-too-large");
}
