import { seededRandom } from "@millrace/client-sdk/testing";

import { chatThroughCuts } from "../chat-rooms.js";
import { killConsumers } from "../consume-kills.js";
import { killDuringEvents } from "../event-kills.js";
import { breakNetworkDuringEvents } from "../event-network.js";
import { holds } from "../event-traffic/event-report.js";
import { measureSlowWatcher } from "../slow-watcher.js";
import { runSeed } from "../support/run-seed.js";
import { startServerProcess } from "../support/server-process.js";
import { makeTempDir } from "../support/temp-dir.js";

const MIB = 1024 * 1024;

/** SIGKILL of the server while events are published and watched. */
async function eventKills(rounds = 100): Promise<boolean> {
  await using dir = await makeTempDir();
  const report = await killDuringEvents({
    dataDir: dir.path,
    rounds,
    random: seededRandom(runSeed()),
    onRound: (round) => console.log(JSON.stringify(round)),
  });
  console.log(JSON.stringify(report));
  return holds(report) && report.slowestServingMs <= 2_000;
}

/** 200 cuts, 20 black holes and 20 drains while events are published and watched. */
async function eventNetwork(rounds = 20): Promise<boolean> {
  await using dir = await makeTempDir();
  const report = await breakNetworkDuringEvents({
    dataDir: dir.path,
    cuts: 10 * rounds,
    stalls: rounds,
    drains: rounds,
    random: seededRandom(runSeed()),
    onFault: (fault, acknowledged) => console.log(JSON.stringify({ fault, acknowledged })),
  });
  console.log(JSON.stringify(report));
  return holds(report);
}

/** One stalled watcher of everything beside 100 fast ones. */
async function slowWatcher(phases = 20): Promise<boolean> {
  await using dir = await makeTempDir();
  await using server = await startServerProcess({ dataDir: dir.path });
  const plan = { fastWatchers: 100, types: 20, eventsPerSecond: 20_000, warmUpMs: 20_000, phases, phaseMs: 4_000 };
  const report = await measureSlowWatcher(server, plan);
  for (const phase of report.phases) console.log(JSON.stringify(phase));
  const { p99Ratio, keptUp, residentGrowth, eventsPerSecond } = report;
  console.log(JSON.stringify({ ...plan, eventsPerSecond, p99Ratio, keptUp, residentGrowthMiB: residentGrowth / MIB }));
  if (eventsPerSecond < plan.eventsPerSecond)
    console.log(`this machine could not be offered ${String(plan.eventsPerSecond)} events/s`);
  return p99Ratio <= 1.2 && keptUp >= 0.95 && residentGrowth < 32 * MIB;
}

/** 3 rooms of 50 members who say 200 things each, over connections that are cut. */
async function chat(messagesPerMember = 200): Promise<boolean> {
  await using dir = await makeTempDir();
  const plan = { rooms: 3, membersPerRoom: 50, messagesPerMember };
  const report = await chatThroughCuts({ ...plan, dataDir: dir.path, random: seededRandom(runSeed()) });
  console.log(JSON.stringify({ ...plan, ...report }));
  const { messages, lost, duplicates, wrongMembers, leaks } = report;
  const wrong = lost + duplicates + wrongMembers + leaks;
  return messages === plan.rooms * plan.membersPerRoom * messagesPerMember && wrong === 0;
}

/** SIGKILL of consumers while they work. */
async function consume(kills = 50): Promise<boolean> {
  await using dir = await makeTempDir();
  const random = seededRandom(runSeed());
  const report = await killConsumers({ dataDir: dir.path, events: 40_000, keys: 97, kills, random });
  console.log(JSON.stringify(report));
  const { lost, outOfOrder, parked, parkedBefore, parkedAfter, notReplayed, isDone } = report;
  return lost + outOfOrder + notReplayed + parkedAfter === 0 && parked === parkedBefore && isDone;
}

export const EVENT_CHECKS = {
  "event-kills": eventKills,
  "event-network": eventNetwork,
  "slow-watcher": slowWatcher,
  chat,
  consume,
};
