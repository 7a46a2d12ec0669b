import { expect, it } from "@jest/globals";
import { ListBatchResultsRequest, ProcessOutcome, type ProcessResult, ServiceError } from "@millrace/shared-types";
import fc from "fast-check";

import { callOf, contextOf } from "../files/files-fixture.test.support.js";

import { type BatchFixture, openBatchFixture, requestsOf, TestProcessor } from "./batch-fixture.test.support.js";
import { getBatch } from "./get-batch.js";
import { listBatchResults } from "./list-batch-results.js";
import { processStream } from "./process-stream.js";

interface PlannedItem {
  readonly key: string;
  readonly text: string;
  readonly lane: string;
}

/** What goes wrong with one stream. */
interface Fault {
  /** The call is cut after so many results … */
  readonly results: number;
  /** … or a commit fails, counted from its beginning. */
  readonly commits: number;
  readonly maxConcurrency: number;
}

const ITEM = fc.record({
  key: fc.constantFrom("", "", "k1", "k2", "k3"),
  text: fc.constantFrom("a", "b", "bad"),
  lane: fc.constantFrom("", "l1", "l2"),
});

const FAULT = fc.record({
  results: fc.nat({ max: 12 }),
  commits: fc.nat({ max: 12 }),
  maxConcurrency: fc.integer({ min: 1, max: 8 }),
});

const GONE = new Error("cut");
const DISK = new ServiceError("BACKEND_UNAVAILABLE", "the disk is gone");

/** Notes what has become durable, and fails commits when it is told to. */
class WatchedCommits {
  readonly indexes = new Set<number>();
  failAt = Infinity;

  constructor({ items }: BatchFixture) {
    const commit = items.commit.bind(items);
    items.commit = async (mutations, options) => {
      if (this.failAt-- === 0) throw DISK;
      const result = await commit(mutations, options);
      for (const { collection, put } of mutations) {
        if (collection.startsWith("batch/results/")) this.indexes.add(Number(put?.key.split("/").at(-1)));
      }
      return result;
    };
  }
}

/** One stream with the items that are left; returns the results that were told, and whether the totals came. */
async function attempt(
  fixture: BatchFixture,
  plan: readonly PlannedItem[],
  told: ReadonlyMap<number, ProcessResult>,
  fault: Fault | undefined,
): Promise<{ readonly results: readonly ProcessResult[]; readonly isDone: boolean }> {
  const left = plan.flatMap((item, index) => (told.has(index) ? [] : [{ ...requestOf(item), index }]));
  const call = callOf();
  const options = { batchId: "b", maxConcurrency: fault?.maxConcurrency ?? 8 };
  const results: ProcessResult[] = [];
  let isDone = false;
  if (fault?.results === 0) call.abort(GONE);
  try {
    for await (const { kind } of processStream(requestsOf(left, options), call.context, fixture.batch)) {
      if (kind?.$case === "summary") isDone = true;
      else if (kind !== undefined && results.push(kind.value) === fault?.results) call.abort(GONE);
    }
  } catch (error) {
    expect([GONE, DISK]).toContain(error);
  }
  return { results, isDone };
}

function requestOf({ key, text, lane }: PlannedItem) {
  return { operation: "test", payload: Buffer.from(text), idempotencyKey: key, orderingKey: lane };
}

/** A result as far as it says what became of the item. */
function essence({ index, outcome, status, output }: ProcessResult): readonly unknown[] {
  return [index, outcome, status?.message, Buffer.from(output).toString()];
}

async function listed(fixture: BatchFixture): Promise<readonly ProcessResult[]> {
  const request = ListBatchResultsRequest.fromPartial({ batchId: "b", pageSize: 1000 });
  return (await listBatchResults(request, contextOf(), fixture.batch)).results;
}

it("an item has one outcome and is not run after that, whatever is cut and whichever commit fails", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(ITEM, { minLength: 1, maxLength: 25 }),
      fc.array(FAULT, { maxLength: 4 }),
      async (plan, faults) => {
        let runs = 0;
        const ranAgain: number[] = [];
        const test = new TestProcessor(async ({ text, context }) => {
          if (commits.indexes.has(context.index)) ranAgain.push(context.index);
          runs += 1;
          for (let turn = runs % 3; turn > 0; turn--) await new Promise((resolve) => setImmediate(resolve));
          if (text === "bad") throw new ServiceError("INVALID_FIELD", `failed in run ${String(runs)}`);
          return `run ${String(runs)}`;
        });
        await using fixture = await openBatchFixture(test);
        const commits = new WatchedCommits(fixture);
        const told = new Map<number, ProcessResult>();
        let isDone = false;
        for (const fault of [...faults, undefined]) {
          commits.failAt = fault?.commits ?? Infinity;
          const { results, ...rest } = await attempt(fixture, plan, told, fault);
          ({ isDone } = rest);
          for (const result of results) {
            expect(told.has(result.index)).toBe(false);
            expect(commits.indexes.has(result.index)).toBe(true);
            told.set(result.index, result);
          }
          if (isDone) break;
        }
        expect(isDone).toBe(true);
        expect(ranAgain).toEqual([]);
        const results = await listed(fixture);
        expect(results.map(essence)).toEqual([...told.values()].sort((a, b) => a.index - b.index).map(essence));
        expect(results).toHaveLength(plan.length);
        judgeKeys(plan, results);
        const { summary } = await getBatch({ batchId: "b" }, contextOf(), fixture.batch);
        const failed = results.filter(({ outcome }) => outcome === ProcessOutcome.FAILED).length;
        expect(summary).toMatchObject({ failureCount: failed, successCount: plan.length - failed, skippedCount: 0 });
      },
    ),
    { numRuns: 150 },
  );
});

/** Of the items with one key, those with the content of the first have its outcome, and the others are conflicts. */
function judgeKeys(plan: readonly PlannedItem[], results: readonly ProcessResult[]): void {
  for (const key of ["k1", "k2", "k3"]) {
    const mine = results.filter(({ index }) => plan[index]?.key === key);
    const ran = mine.filter((result) => !isConflict(result));
    expect(new Set(ran.map(({ index }) => plan[index]?.text)).size).toBeLessThanOrEqual(1);
    expect(new Set(ran.map((result) => JSON.stringify(essence(result).slice(1)))).size).toBeLessThanOrEqual(1);
    if (mine.length > 0) expect(ran.length).toBeGreaterThan(0);
  }
}

function isConflict({ status }: ProcessResult): boolean {
  return status?.message.includes("idempotency_key") ?? false;
}
