import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { createClient, type StreamingClient, StreamingError } from "@millrace/client-sdk";

import { queryProcessesOf } from "./support/query-processes.js";

/** Statements that never end by themselves, or take all the memory there is. */
const RUNAWAYS: readonly string[] = [
  "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
  "WITH RECURSIVE r(n) AS (SELECT 1 UNION SELECT n + 1 FROM r) SELECT max(n) FROM r",
  "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT 100000) SELECT count(*) FROM r a, r b, r c",
  "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r ORDER BY n",
  "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT 100000000) SELECT hex(randomblob(500)) AS h FROM r ORDER BY h",
  "WITH RECURSIVE r(s) AS (VALUES (hex(randomblob(1000000))) UNION ALL SELECT hex(randomblob(1000000)) FROM r) SELECT count(DISTINCT s) FROM r",
  "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r, items, events",
  "WITH RECURSIVE r(s) AS (SELECT 'x' UNION ALL SELECT substr(s || s, 1, 500000) FROM r) SELECT sum(length(replace(s, 'x', 'yy'))) FROM r",
];

export interface RunawayPlan {
  readonly dataDir: string;
  readonly queries: number;
  /** At the same time. */
  readonly parallel: number;
  readonly timeoutMs: number;
}

export interface RunawayReport {
  readonly ended: number;
  /** By what they were ended, and how often. */
  readonly reasons: Readonly<Record<string, number>>;
  /** Longest time from a query's deadline to its end, at the client. */
  readonly latestMs: number;
  /** Longest time that the server's event loop was held up. */
  readonly longestStallMs: number;
  /** Of the server, above what it had after its first query. */
  readonly residentGrowthBytes: number;
  /** Of calls beside the queries. */
  readonly callMs: { readonly p50: number; readonly p99: number; readonly max: number };
  /** Processes of queries at the same time, at most. */
  readonly mostProcesses: number;
  /** Processes of queries a second after the server was killed. */
  readonly processesLeft: number;
}

interface ServerStats {
  readonly longestStallMs: number;
  readonly residentBytes: number;
}

/** Runs statements that never end while others use the server. */
export async function runAway({ dataDir, queries, parallel, timeoutMs }: RunawayPlan): Promise<RunawayReport> {
  const script = fileURLToPath(new URL("./support/measured-server.js", import.meta.url));
  const child = fork(script, [dataDir]);
  const [{ target }] = (await once(child, "message")) as [{ target: string }];
  const statsNow = async (): Promise<ServerStats> => {
    child.send("stats");
    return ((await once(child, "message")) as [ServerStats])[0];
  };
  const pid = child.pid ?? 0;
  const client = createClient({ target, resume: false });
  await client.data.put({ key: "a", json: 1 });
  await client.events.publish([{ type: "t", payload: "x" }]);
  await client.query.execute("SELECT * FROM items");
  const before = await statsNow();
  const watching = new AbortController();
  const calls = timeCalls(client, watching.signal);
  let mostProcesses = 0;
  const counting = (async () => {
    while (!watching.signal.aborted) {
      mostProcesses = Math.max(mostProcesses, (await queryProcessesOf(pid)).length);
      await sleep(200);
    }
  })();
  const left = Array.from({ length: queries }, (_, n) => RUNAWAYS[n % RUNAWAYS.length] ?? "");
  const ends = await Promise.all(Array.from({ length: parallel }, () => runEach(client, left, timeoutMs)));
  const after = await statsNow();
  watching.abort();
  await counting;
  const pids = await queryProcessesOf(pid);
  await client.close();
  child.kill("SIGKILL");
  await once(child, "exit");
  await sleep(1000);
  const all = ends.flat();
  const times = (await calls).toSorted((a, b) => a - b);
  const reasons: Record<string, number> = {};
  for (const { reason } of all) reasons[reason] = (reasons[reason] ?? 0) + 1;
  return {
    ended: all.length,
    reasons,
    latestMs: Math.max(...all.map(({ ms }) => ms - timeoutMs)),
    longestStallMs: after.longestStallMs,
    residentGrowthBytes: after.residentBytes - before.residentBytes,
    callMs: { p50: at(times, 0.5), p99: at(times, 0.99), max: at(times, 1) },
    mostProcesses,
    processesLeft: pids.filter(isAlive).length,
  };
}

interface End {
  readonly reason: string;
  readonly ms: number;
}

/** Runs what is left, one after the other. */
async function runEach(client: StreamingClient, left: string[], timeoutMs: number): Promise<readonly End[]> {
  const ends: End[] = [];
  for (let sql = left.shift(); sql !== undefined; sql = left.shift()) {
    const startedMs = performance.now();
    const reason = await reasonOf(client.query.execute(sql, { timeoutMs }));
    ends.push({ reason, ms: performance.now() - startedMs });
  }
  return ends;
}

async function reasonOf(result: AsyncIterable<unknown>): Promise<string> {
  try {
    for await (const _ of result);
    return "ended by itself";
  } catch (error) {
    return StreamingError.is(error) ? (error.reason ?? error.kind) : String(error);
  }
}

async function timeCalls(client: StreamingClient, signal: AbortSignal): Promise<readonly number[]> {
  const times: number[] = [];
  while (!signal.aborted) {
    const startedMs = performance.now();
    await client.info();
    times.push(performance.now() - startedMs);
    await sleep(10);
  }
  return times;
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
