import { createHash } from "node:crypto";

import { encodeMessage, MutateItemsRequest, ServiceError } from "@millrace/shared-types";

import type { CommitResult, Row, RowMutation, RowOutcome } from "../ports/item-store.js";
import { SnapshotExpired } from "../ports/item-store.js";

import type { DataDeps } from "./data-deps.js";
import { COLLECTION_PREFIX } from "./dataset-record.js";

/** How long a retry gets the outcome of the first attempt, in milliseconds. */
export const RECEIPT_TTL_MS = 86_400_000;

/** Outcomes of requests with an idempotency key, in order of time. Row ids are made of the keys. */
export const RECEIPTS: string = `${COLLECTION_PREFIX}$receipts`;

/** Marks in the commits of such requests; each is removed once the outcome is stored. */
export const PENDING: string = `${COLLECTION_PREFIX}$pending`;

/** A request, ready to be committed. */
export interface Attempt {
  readonly request: MutateItemsRequest;
  readonly owner: string;
  readonly collection: string;
  /** The first number of new items. */
  readonly firstId: bigint;
  /** The changes, if the numbers of new items begin at `firstId`. */
  mutations(firstId: bigint): readonly RowMutation[];
}

/** What became of an attempt, now or earlier. */
export interface Committed extends Pick<CommitResult, "outcomes" | "committed"> {
  readonly replayed: boolean;
}

/**
 * Commits an attempt, unless its idempotency key has been used within {@link RECEIPT_TTL_MS}: then this gives what
 * became of it the first time. The mark that is committed with the mutations makes that sure. Should the server die
 * before it stores the outcome, the outcome is found out from the versions that the commit made.
 *
 * @throws ServiceError `IDEMPOTENCY_CONFLICT` if the key came with another request
 */
export async function commitOnce(attempt: Attempt, deps: DataDeps): Promise<Committed> {
  const { request, firstId } = attempt;
  if (request.idempotencyKey === "") {
    const made = await deps.items.commit(attempt.mutations(firstId), { atomic: request.atomic });
    return { ...made, replayed: false };
  }
  const receipt = receiptOf(attempt);
  return deps.attempts.run(receipt.name, async () => {
    const known = await find(receipt, deps);
    if (known !== undefined) return { ...known, replayed: true };
    const mark = await deps.items.get(PENDING, { key: receipt.name });
    const made =
      mark === undefined ? await commit(attempt, receipt, deps) : await recover(attempt, receipt, mark, deps);
    await store(receipt, made, deps);
    return { ...made, replayed: mark !== undefined };
  });
}

interface Receipt {
  /** Hash of dataset, caller and key. */
  readonly name: string;
  /** Of its row: 63 bits of the name. */
  readonly id: string;
  /** Hash of the request. */
  readonly fingerprint: Buffer;
}

function receiptOf({ request, owner, collection }: Attempt): Receipt {
  const hash = createHash("sha256")
    .update(JSON.stringify([collection, owner, request.idempotencyKey]))
    .digest();
  const fingerprint = createHash("sha256").update(encodeMessage(MutateItemsRequest, request)).digest();
  return { name: hash.toString("hex"), id: String(BigInt.asUintN(63, hash.readBigUInt64BE()) | 1n), fingerprint };
}

async function find({ name, id, fingerprint }: Receipt, { items, clock }: DataDeps): Promise<Outcomes | undefined> {
  const row = await items.get(RECEIPTS, { id });
  if (row === undefined || !row.key.endsWith(name) || row.updatedAtMs <= clock.now() - RECEIPT_TTL_MS) return undefined;
  checkSame(row, fingerprint);
  return JSON.parse(Buffer.from(row.data).toString()) as Outcomes;
}

type Outcomes = Pick<CommitResult, "outcomes" | "committed">;

async function commit(attempt: Attempt, { name, fingerprint }: Receipt, { items }: DataDeps): Promise<Outcomes> {
  const { request, firstId } = attempt;
  const data = Buffer.from(String(firstId));
  const mark: RowMutation = { collection: PENDING, put: { key: name, head: fingerprint, data } };
  const mutations = [mark, ...attempt.mutations(firstId)];
  const { outcomes, committed } = await items.commit(mutations, { atomic: request.atomic });
  return { outcomes: outcomes.slice(1), committed };
}

/** Stores the outcome, and removes the mark if there is one. */
async function store({ name, id, fingerprint }: Receipt, made: Outcomes, { items, clock }: DataDeps): Promise<void> {
  const data = Buffer.from(JSON.stringify({ outcomes: made.outcomes, committed: made.committed }));
  const expired = await items.get(RECEIPTS, { id });
  await items.commit(
    [
      ...(expired === undefined ? [] : [{ collection: RECEIPTS, deleteKey: expired.key }]),
      { collection: RECEIPTS, put: { key: `${timeKey(clock.now())}-${name}`, id, head: fingerprint, data } },
      { collection: PENDING, deleteKey: name },
    ],
    { atomic: true },
  );
}

/** Times as keys that sort as they do. */
export function timeKey(ms: number): string {
  return String(ms).padStart(15, "0");
}

/**
 * What became of the mutations of a commit whose mark is still there. The changes of a commit have the versions that
 * follow the mark's, without gaps: the state just before each of them says what it met, and the state after what it did.
 */
async function recover(attempt: Attempt, receipt: Receipt, mark: Row, deps: DataDeps): Promise<Outcomes> {
  checkSame(mark, receipt.fingerprint);
  try {
    const outcomes: RowOutcome[] = [];
    let { version } = mark;
    for (const mutation of attempt.mutations(BigInt(Buffer.from(mark.data).toString()))) {
      const outcome = await recoverOne(mutation, version, deps);
      if (outcome.type === "written") version += 1;
      outcomes.push(outcome);
    }
    return { outcomes, committed: true }; // or there would be no mark
  } catch (error) {
    if (!(error instanceof SnapshotExpired)) throw error;
    throw new ServiceError("SNAPSHOT_EXPIRED", "what became of the first attempt is no longer known", {
      metadata: { snapshot_id: mark.version },
      cause: error,
    });
  }
}

async function recoverOne(mutation: RowMutation, version: number, { items }: DataDeps): Promise<RowOutcome> {
  const { collection, put, deleteKey = "", ifVersion } = mutation;
  const key = put?.key ?? deleteKey;
  const before = await items.get(collection, { key }, version);
  const actualVersion = before?.version ?? 0;
  if (ifVersion !== undefined && ifVersion !== actualVersion) return { type: "version-mismatch", actualVersion };
  const existed = before !== undefined;
  if (put === undefined) {
    if (!existed) return { type: "unchanged", id: "0", version: 0 };
    return { type: "written", id: before.id, version: version + 1, existed };
  }
  const after = await items.get(collection, { key }, version + 1);
  if (after?.version !== version + 1) return { type: "id-taken" };
  return { type: "written", id: after.id, version: after.version, existed };
}

function checkSame({ head }: Row, fingerprint: Buffer): void {
  if (fingerprint.equals(head)) return;
  throw new ServiceError("IDEMPOTENCY_CONFLICT", "this idempotency_key came with another request before");
}
