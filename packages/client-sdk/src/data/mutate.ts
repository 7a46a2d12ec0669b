import { randomUUID } from "node:crypto";

import {
  DatasetServiceDefinition,
  methodPath,
  type Mutation,
  type MutateItemsRequest,
  type MutateItemsResponse,
  type MutationResult,
} from "@millrace/shared-types";

import { InternalError } from "../errors.js";
import { withinTimeout } from "../events/within-timeout.js";
import { answerOf } from "../files/answer-of.js";
import { present } from "../files/file-info.js";
import { statusError } from "../rpc/status-error.js";
import { checkChangeOptions, checkKey, checkMutateOptions, checkMutation } from "./check-data-options.js";
import type { DataDeps } from "./data-api.js";
import { toItemMessage } from "./item-message.js";
import type {
  ChangeItemOptions,
  ItemMutation,
  MutateOptions,
  MutationOutcome,
  OutgoingItem,
  StoredItem,
  WriteItemOptions,
} from "./types.js";

const { mutateItems } = DatasetServiceDefinition.methods;

const METHOD = methodPath(DatasetServiceDefinition, mutateItems).slice(1);

/** Stores an item. See {@link DataApi.put}. */
export async function put(deps: DataDeps, item: OutgoingItem, options: ChangeItemOptions = {}): Promise<StoredItem> {
  return changeOne(deps, { put: item }, options);
}

/** Deletes an item. See {@link DataApi.delete}. */
export async function deleteItem(deps: DataDeps, key: string, options: ChangeItemOptions = {}): Promise<void> {
  checkKey(key);
  await changeOne(deps, { delete: key }, options);
}

/** Makes several changes. See {@link DataApi.mutate}. */
export async function mutate(
  deps: DataDeps,
  mutations: readonly ItemMutation[],
  options: MutateOptions = {},
): Promise<readonly MutationOutcome[]> {
  checkMutateOptions(options);
  const { dataset = "", atomic = false, idempotencyKey = randomUUID() } = options;
  const request = { dataset, mutations: mutations.map(toMutation), atomic, idempotencyKey };
  return withinTimeout(deps.clock, METHOD, options, (signal) => untilKnown(deps, request, { ...options, signal }));
}

/**
 * Tries until the server has said yes or no; the request is the same each time, idempotency key included.
 *
 * @returns what became of each mutation
 */
export async function untilKnown(
  { rpc, openResumeLoop }: Pick<DataDeps, "rpc" | "openResumeLoop">,
  request: MutateItemsRequest,
  { signal, headers, resume: policy }: Omit<WriteItemOptions, "signal"> & { readonly signal: AbortSignal | undefined },
): Promise<readonly MutationOutcome[]> {
  const loop = openResumeLoop({ policy, signal });
  const call = { ...(signal && { signal }), ...(headers && { headers }), retry: false } as const;
  for (;;) {
    try {
      return toOutcomes(request, await answerOf(rpc.unary(DatasetServiceDefinition, mutateItems, request, call)));
    } catch (error) {
      await loop.waitAfter(error);
    }
  }
}

async function changeOne(
  deps: DataDeps,
  mutation: ItemMutation,
  { ifVersionMatch, ...options }: ChangeItemOptions,
): Promise<StoredItem> {
  checkChangeOptions({ ...options, ...(ifVersionMatch !== undefined && { ifVersionMatch }) });
  const change = { ...mutation, ...(ifVersionMatch !== undefined && { ifVersionMatch }) };
  const [outcome] = await mutate(deps, [change], options);
  const known = present(outcome, "results");
  if ("error" in known) throw known.error;
  return known;
}

function toMutation(mutation: ItemMutation): Mutation {
  checkMutation(mutation);
  const { ifVersionMatch } = mutation;
  if (mutation.put === undefined) return { operation: { $case: "deleteKey", value: mutation.delete }, ifVersionMatch };
  return { operation: { $case: "put", value: toItemMessage(mutation.put) }, ifVersionMatch };
}

/** @throws {InternalError} if the answer is not that of the request */
function toOutcomes({ mutations }: MutateItemsRequest, { results }: MutateItemsResponse): readonly MutationOutcome[] {
  if (results.length === mutations.length) return results.map(toOutcome);
  const message = `the server answered for ${String(results.length)} mutations, not ${String(mutations.length)}`;
  throw new InternalError(message, { method: METHOD, origin: "server" });
}

function toOutcome({ status, id, version }: MutationResult): MutationOutcome {
  if (status === undefined || status.code === 0) return { id, version };
  return { error: statusError(status, METHOD) };
}
