import {
  invalidField,
  MAX_IDEMPOTENCY_KEY_BYTES,
  MAX_MUTATION_BYTES,
  MAX_MUTATIONS,
  type MutateItemsRequest,
  type MutateItemsResponse,
  type Mutation,
  type MutationResult,
  ServiceError,
  type Status,
  StatusCode,
  statusOf,
} from "@millrace/shared-types";

import { checkBytes, checkLimit } from "../events/check-limit.js";
import type { CommitResult, RowMutation, RowOutcome } from "../ports/item-store.js";
import type { CallContext } from "../rpc/call-context.js";

import type { DataDeps } from "./data-deps.js";
import { DEFAULT_DATASET, loadDataset } from "./dataset-record.js";
import { callersError, OK } from "./mutation-status.js";
import { commitOnce } from "./receipts.js";
import { rowMutationOf } from "./row-mutation.js";

/**
 * Changes items of one dataset, in order; answers once that is durable. Each change has its own status; with
 * `atomic`, one that fails keeps all others from being made.
 *
 * @throws ServiceError about the request as a whole: `INVALID_FIELD`, `LIMIT_EXCEEDED`, `RESOURCE_NOT_FOUND`,
 * `IDEMPOTENCY_CONFLICT` (a key that came with another request)
 */
export async function mutateItems(
  request: MutateItemsRequest,
  { principal }: CallContext,
  deps: DataDeps,
): Promise<MutateItemsResponse> {
  const { mutations, atomic, idempotencyKey } = request;
  if (mutations.length === 0) throw invalidField("mutations", "must not be empty");
  checkLimit("mutations", "max_mutations", MAX_MUTATIONS, mutations.length);
  checkBytes("idempotency_key", "max_idempotency_key_bytes", MAX_IDEMPOTENCY_KEY_BYTES, idempotencyKey);
  const { value: dataset } = await loadDataset(deps.records, request.dataset || DEFAULT_DATASET);
  const firstId = deps.newItemIds.take(mutations.length);
  const check = (first: bigint): readonly Checked[] => checkAll(mutations, dataset.collection, first, deps);
  const checked = check(firstId);
  const valid = validOf(checked);
  checkLimit(
    "mutations",
    "max_mutation_bytes",
    MAX_MUTATION_BYTES,
    valid.reduce((sum, each) => sum + bytesOf(each), 0),
  );
  if (atomic && valid.length < checked.length) return { results: resultsOf(checked, refused(valid)), replayed: false };
  const attempt = {
    request,
    owner: principal.id,
    collection: dataset.collection,
    firstId,
    mutations: (first: bigint) => (first === firstId ? valid : validOf(check(first))),
  };
  const { replayed, ...result } = await commitOnce(attempt, deps);
  return { results: resultsOf(checked, result), replayed };
}

type Checked = RowMutation | ServiceError;

function checkAll(
  mutations: readonly Mutation[],
  collection: string,
  firstId: bigint,
  deps: DataDeps,
): readonly Checked[] {
  return mutations.map((mutation, index) => {
    try {
      return rowMutationOf(mutation, collection, String(firstId + BigInt(index)), deps);
    } catch (error) {
      return callersError(error);
    }
  });
}

function validOf(checked: readonly Checked[]): readonly RowMutation[] {
  return checked.filter((mutation): mutation is RowMutation => !(mutation instanceof ServiceError));
}

function bytesOf({ put, deleteKey = "" }: RowMutation): number {
  if (put === undefined) return Buffer.byteLength(deleteKey);
  return Buffer.byteLength(put.key) + put.head.length + put.data.length;
}

type Outcomes = Pick<CommitResult, "outcomes" | "committed">;

function refused(valid: readonly RowMutation[]): Outcomes {
  return { outcomes: valid.map(() => ({ type: "unchanged", id: "0", version: 0 })), committed: false };
}

/** Results of all mutations, from what became of the valid ones. */
function resultsOf(checked: readonly Checked[], { outcomes, committed }: Outcomes): MutationResult[] {
  const next = outcomes.values();
  return checked.map((mutation) => {
    if (mutation instanceof ServiceError) return { status: statusOf(mutation), id: "0", version: 0 };
    const outcome = next.next().value as RowOutcome;
    return resultOf(outcome, mutation, committed);
  });
}

function resultOf(outcome: RowOutcome, { ifVersion = 0 }: RowMutation, committed: boolean): MutationResult {
  switch (outcome.type) {
    case "version-mismatch":
      return { status: statusOf(versionMismatch(ifVersion, outcome.actualVersion)), id: "0", version: 0 };
    case "id-taken":
      return { status: statusOf(idTaken()), id: "0", version: 0 };
    default:
      return committed
        ? { status: OK, id: outcome.id, version: outcome.version }
        : { status: NOT_MADE, id: "0", version: 0 };
  }
}

const NOT_MADE: Status = {
  code: StatusCode.ABORTED,
  message: "not made: another one of the request failed",
  details: [],
};

function versionMismatch(expected: number, actual: number): ServiceError {
  const message = `the item has version ${String(actual)}, not ${String(expected)}`;
  return new ServiceError("REVISION_MISMATCH", message, { metadata: { expected, actual } });
}

function idTaken(): ServiceError {
  return invalidField("put.id", "another item has this id, or the item with this key has another one");
}
