import { setTimeout as sleep } from "node:timers/promises";

import type { ClientOptions } from "@millrace/client-sdk";
import { within } from "@millrace/client-sdk/testing";

import { type EventReport, eventReport } from "./event-traffic/event-report.js";
import { type EventTraffic, openEventTraffic } from "./event-traffic/event-traffic.js";
import { startServerProcess, type ServerProcess } from "./support/server-process.js";

const MIN_DELAY_MS = 20;
const MAX_DELAY_MS = 400;

/** In one life of so many the server is killed without regard to whether the clients have found it. */
const BLIND = 5;

const FIND_MS = 30_000;

/** A server that is killed every few hundred milliseconds is to be found again quickly. */
const CLIENT: Omit<ClientOptions, "target"> = { resume: { backoff: { initialMs: 10, maxMs: 200 } } };

export interface EventKillPlan {
  readonly dataDir: string;
  readonly rounds: number;
  readonly random: () => number;
  readonly onRound?: (round: KilledRound) => void;
}

/** One life of a server. */
export interface KilledRound {
  readonly killAfterMs: number;
  /** From the start of the process until it served, and from then until a publisher had its first answer. */
  readonly servingAfterMs: number;
  readonly answeredAfterMs: number | undefined;
  /** Events acknowledged so far. */
  readonly acknowledged: number;
}

export interface EventKillReport extends EventReport {
  readonly kills: number;
  readonly slowestServingMs: number;
  readonly slowestAnswerMs: number;
}

/**
 * Kills the server with SIGKILL and starts it again on the same port and data, `rounds` times, while 8 publishers and
 * 6 watchers work; then judges what they saw. A server lives for 20 to 400 ms after its first answer to a publisher,
 * or, one of five, after it has begun to serve.
 */
export async function killDuringEvents({ dataDir, rounds, random, onRound }: EventKillPlan): Promise<EventKillReport> {
  let server: ServerProcess = await startServerProcess({ dataDir });
  try {
    await using traffic = await openEventTraffic({
      client: { ...CLIENT, target: server.target },
      publishers: 8,
      random,
    });
    const lives: KilledRound[] = [];
    for (let round = 0; round < rounds; round++) {
      const startedAt = performance.now();
      server = await startAgain(server, dataDir);
      const servingAfterMs = performance.now() - startedAt;
      const answeredAfterMs = round % BLIND === 0 ? undefined : await firstAnswerMs(traffic);
      const killAfterMs = MIN_DELAY_MS + random() * (MAX_DELAY_MS - MIN_DELAY_MS);
      await sleep(killAfterMs);
      const life = { servingAfterMs, answeredAfterMs, killAfterMs, acknowledged: traffic.acknowledged };
      onRound?.(life);
      lives.push(life);
    }
    server = await startAgain(server, dataDir);
    return {
      kills: rounds + 1,
      slowestServingMs: Math.max(...lives.map((life) => life.servingAfterMs)),
      slowestAnswerMs: Math.max(...lives.map((life) => life.answeredAfterMs ?? 0)),
      ...eventReport(await traffic.finish()),
    };
  } finally {
    await server[Symbol.asyncDispose]();
  }
}

async function startAgain(server: ServerProcess, dataDir: string): Promise<ServerProcess> {
  await server.kill();
  return startServerProcess({ dataDir, port: server.port });
}

async function firstAnswerMs(traffic: EventTraffic): Promise<number> {
  const startedAt = performance.now();
  await within(traffic.nextAcknowledgement(), "a publisher has found the server", FIND_MS);
  return performance.now() - startedAt;
}
