import { setTimeout as sleep } from "node:timers/promises";

import type { ClientOptions } from "@millrace/client-sdk";
import { type FaultProxy, openFaultProxy } from "@millrace/client-sdk/testing";

import { type EventReport, eventReport } from "./event-traffic/event-report.js";
import { openEventTraffic } from "./event-traffic/event-traffic.js";
import { startServerProcess, type ServerProcess } from "./support/server-process.js";

const MAX_PAUSE_MS = 500;

/** Black holes of up to this length: some end before the client gives the connection up, some do not. */
const MAX_STALL_MS = 4_000;

/** Dead connections are to be found within a second or two. */
const CLIENT: Omit<ClientOptions, "target"> = {
  keepAlive: { intervalMs: 500, timeoutMs: 500 },
  resume: { backoff: { initialMs: 10, maxMs: 200 } },
};

export interface EventNetworkPlan {
  readonly dataDir: string;
  readonly cuts: number;
  readonly stalls: number;
  readonly drains: number;
  readonly random: () => number;
  readonly onFault?: (fault: Fault, acknowledged: number) => void;
}

export type Fault = "cut" | "stall" | "drain";

export interface EventNetworkReport extends EventReport {
  readonly faults: Readonly<Record<Fault, number>>;
  readonly connections: number;
}

/**
 * Breaks the network between the clients and the server in a random order of cuts, black holes and drains with a
 * restart, while 8 publishers and 6 watchers work; then judges what they saw.
 */
export async function breakNetworkDuringEvents(plan: EventNetworkPlan): Promise<EventNetworkReport> {
  const { dataDir, random } = plan;
  let server: ServerProcess = await startServerProcess({ dataDir });
  try {
    await using proxy = await openFaultProxy(server.port);
    await using traffic = await openEventTraffic({
      client: { ...CLIENT, target: proxy.target },
      publishers: 8,
      random,
    });
    for (const fault of shuffled(plan)) {
      await sleep(random() * MAX_PAUSE_MS);
      if (fault === "cut") cutSoon(proxy, random);
      if (fault === "stall") await stall(proxy, random() * MAX_STALL_MS);
      if (fault === "drain") server = await restart(server, dataDir);
      plan.onFault?.(fault, traffic.acknowledged);
    }
    const { cuts, stalls, drains } = plan;
    const faults = { cut: cuts, stall: stalls, drain: drains };
    return { faults, connections: proxy.accepted, ...eventReport(await traffic.finish()) };
  } finally {
    await server[Symbol.asyncDispose]();
  }
}

/** At once, or in the middle of some message to come. */
function cutSoon(proxy: FaultProxy, random: () => number): void {
  if (random() < 0.5) proxy.cut();
  else proxy.cutAfterBytes(Math.floor(random() * 4_000));
}

async function stall(proxy: FaultProxy, ms: number): Promise<void> {
  proxy.stall();
  await sleep(ms);
  proxy.resume();
}

async function restart(server: ServerProcess, dataDir: string): Promise<ServerProcess> {
  await server.terminate();
  return startServerProcess({ dataDir, port: server.port });
}

function shuffled({ cuts, stalls, drains, random }: EventNetworkPlan): Fault[] {
  const faults: readonly Fault[] = [
    ...Array.from({ length: cuts }, () => "cut" as const),
    ...Array.from({ length: stalls }, () => "stall" as const),
    ...Array.from({ length: drains }, () => "drain" as const),
  ];
  return faults
    .map((fault) => [random(), fault] as const)
    .toSorted(([a], [b]) => a - b)
    .map(([, fault]) => fault);
}
