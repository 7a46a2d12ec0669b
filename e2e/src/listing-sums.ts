import { setTimeout as sleep } from "node:timers/promises";

import { createClient, type StreamingClient, StreamingError } from "@millrace/client-sdk";

import { startServerProcess, type ServerProcess } from "./support/server-process.js";

const DATASET = "accounts";
const BALANCE = 100;

/** So small that a listing takes many messages, and writers come between them. */
const BATCH_BYTES = 2_000;

/** A listing of so many is left in the middle, and another one goes on from its position. */
const LEFT = 3;

export interface ListingSumsPlan {
  readonly dataDir: string;
  readonly accounts: number;
  readonly writers: number;
  readonly listers: number;
  /** By all listers together. */
  readonly listings: number;
  /** SIGKILLs of the server, spread over the listings. */
  readonly kills: number;
  readonly random: () => number;
}

export interface ListingSumsReport {
  readonly listings: number;
  /** Of them, those that two calls made together. */
  readonly continued: number;
  readonly kills: number;
  /** Movements between two accounts that were made. */
  readonly transfers: number;
  /** Movements that were refused because another one was first. */
  readonly conflicts: number;
  /** Transfers that were made while a listing ran, in the middle of all listings. */
  readonly transfersPerListing: number;
  /** Listings that were not one state of all accounts: another sum, or an account that is missing, doubled, or out of order. */
  readonly wrong: number;
}

/**
 * Lists accounts again and again while writers move amounts between any two of them, each time in one atomic change: every
 * state there ever was has the same sum.
 */
export async function listWhileMoving(plan: ListingSumsPlan): Promise<ListingSumsReport> {
  const { dataDir, random } = plan;
  let server: ServerProcess = await startServerProcess({ dataDir });
  await using client = createClient({ target: server.target, resume: { backoff: { maxMs: 200 } } });
  const keys = Array.from({ length: plan.accounts }, (_, n) => `account-${String(n).padStart(6, "0")}`);
  const counts = { listings: 0, continued: 0, kills: 0, transfers: 0, conflicts: 0, wrong: 0, during: 0 };
  try {
    await client.data.datasets.create(DATASET);
    await client.data.import(
      keys.map((key) => ({ key, json: BALANCE })),
      { dataset: DATASET },
    );
    const over = new AbortController();
    const write = async (): Promise<void> => {
      while (!over.signal.aborted) {
        const became = await move(client, keys, random).catch(unlessDown);
        if (became !== undefined) counts[became]++;
      }
    };
    const list = async (): Promise<void> => {
      while (counts.listings < plan.listings) {
        const number = ++counts.listings;
        const before = counts.transfers;
        const isLeft = number % LEFT === 0;
        if (isLeft) counts.continued++;
        if (!(await isOneState(client, keys, isLeft ? Math.floor(random() * keys.length) : 0))) counts.wrong++;
        counts.during += counts.transfers - before;
      }
    };
    const kill = async (): Promise<void> => {
      while (counts.kills < plan.kills && counts.listings < plan.listings) {
        await sleep(20);
        if (counts.listings < ((counts.kills + 1) * plan.listings) / (plan.kills + 1)) continue;
        counts.kills++;
        await server.kill();
        server = await startServerProcess({ dataDir, port: server.port });
      }
    };
    const writing = Array.from({ length: plan.writers }, write);
    await Promise.all([...Array.from({ length: plan.listers }, list), kill()]);
    over.abort();
    await Promise.all(writing);
    const { during, ...rest } = counts;
    return { ...rest, transfersPerListing: during / counts.listings };
  } finally {
    await server[Symbol.asyncDispose]();
  }
}

/** Reads while the server is down are tried again with other accounts. */
async function unlessDown(error: unknown): Promise<undefined> {
  if (!StreamingError.is(error) || !error.retryable) throw error;
  await sleep(50);
}

/** Moves an amount from one account to another, unless one of them has changed since it was read. */
async function move(
  { data }: StreamingClient,
  keys: readonly string[],
  random: () => number,
): Promise<"transfers" | "conflicts"> {
  const first = Math.floor(random() * keys.length);
  const second = (first + 1 + Math.floor(random() * (keys.length - 1))) % keys.length;
  const amount = 1 + Math.floor(random() * 10);
  const options = { dataset: DATASET };
  const [from, to] = await Promise.all([first, second].map((n) => data.get(keys[n] ?? "", options)));
  if (from === undefined || to === undefined) throw new Error("an account is gone");
  const outcomes = await data.mutate(
    [
      { put: { key: from.key, json: Number(from.json()) - amount }, ifVersionMatch: from.version },
      { put: { key: to.key, json: Number(to.json()) + amount }, ifVersionMatch: to.version },
    ],
    { ...options, atomic: true },
  );
  return outcomes.some((outcome) => "error" in outcome) ? "conflicts" : "transfers";
}

/** Lists all accounts, in two parts if `leaveAfter` is not 0, and says whether they are all there with the sum that they must have. */
async function isOneState({ data }: StreamingClient, keys: readonly string[], leaveAfter: number): Promise<boolean> {
  const options = { dataset: DATASET, batchBytes: BATCH_BYTES };
  const seen: string[] = [];
  let sum = 0;
  let position: string | undefined;
  if (leaveAfter > 0) {
    const left = data.list(options);
    for await (const item of left) {
      if (seen.length === leaveAfter) break; // this one was not taken
      seen.push(item.key);
      sum += Number(item.json());
    }
    position = left.position;
  }
  for await (const item of data.list({ ...options, ...(position !== undefined && { from: position }) })) {
    seen.push(item.key);
    sum += Number(item.json());
  }
  return sum === BALANCE * keys.length && seen.length === keys.length && seen.every((key, n) => key === keys[n]);
}
