import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createClient, type ValueSample, type StreamingClient } from "@millrace/client-sdk";
import { seededRandom, within } from "@millrace/client-sdk/testing";

import { measureMetrics } from "./metrics-load.js";
import { runSeed } from "./support/run-seed.js";
import { type ServerProcess, startServerProcess } from "./support/server-process.js";
import { makeTempDir, type TempDir } from "./support/temp-dir.js";

const SAMPLES = 40_000;
const KILLS = 3;

function* samples(): Generator<ValueSample> {
  for (let n = 0; n < SAMPLES; n++) {
    const value = n % 997 === 0 ? Number.NaN : n;
    yield { name: `m${String(n % 3)}`, value, labels: { shard: String(n % 40) }, timestamp: new Date() };
  }
}

/** What the samples say, by name, computed in the plainest way. */
function plainStats(): Map<string, { count: number; sum: number }> {
  const stats = new Map<string, { count: number; sum: number }>();
  for (const { name, value } of samples()) {
    if (Number.isNaN(value)) continue;
    const { count, sum } = stats.get(name) ?? { count: 0, sum: 0 };
    stats.set(name, { count: count + 1, sum: sum + value });
  }
  return stats;
}

async function queriedStats({ metrics }: StreamingClient): Promise<Map<string, { count: number; sum: number }>> {
  const stats = new Map<string, { count: number; sum: number }>();
  for (const name of ["m0", "m1", "m2"]) {
    for await (const { count, sum } of metrics.query(name)) stats.set(name, { count, sum });
  }
  return stats;
}

describe("metrics of a server that is killed", () => {
  let dir: TempDir;
  let server: ServerProcess;
  let client: StreamingClient;

  beforeAll(async () => {
    dir = await makeTempDir();
    server = await startServerProcess({ dataDir: dir.path });
    client = createClient({ target: server.target, resume: { backoff: { maxMs: 200 } } });
  });

  afterAll(async () => {
    await client.close();
    await server[Symbol.asyncDispose]();
    await dir[Symbol.asyncDispose]();
  });

  /** SIGKILL, and another process on the same port and data. */
  const kill = async (): Promise<void> => {
    await server.kill();
    server = await startServerProcess({ dataDir: dir.path, port: server.port });
  };

  it("are stored once each, sent through kills, and the summary counts each once", async () => {
    let [kills, killing] = [0, Promise.resolve()];
    const sending = client.metrics.send(samples(), {
      producerId: "killed",
      maxBatchSamples: 200,
      onProgress({ storedCount }) {
        if (kills >= KILLS || storedCount < ((kills + 1) * SAMPLES) / (KILLS + 1)) return;
        kills++;
        killing = killing.then(kill);
      },
    });
    const summary = await within(sending, "the samples", 120_000);
    await killing;
    const expected = plainStats();
    const bad = SAMPLES - [...expected.values()].reduce((sum, { count }) => sum + count, 0);
    expect(kills).toBe(KILLS);
    expect(summary).toMatchObject({ storedCount: SAMPLES - bad, duplicateCount: 0, rejectedCount: bad });
    expect(new Map([...summary.stats].map(([name, { count, sum }]) => [name, { count, sum }]))).toEqual(expected);
    expect(await queriedStats(client)).toEqual(expected);
  }, 150_000);

  it("are duplicates when the same samples are sent again to the next process", async () => {
    await kill();
    const summary = await within(client.metrics.send(samples(), { producerId: "killed" }), "the samples again", 60_000);
    expect(summary).toMatchObject({ storedCount: 0, stats: new Map() });
    expect(summary.duplicateCount + summary.rejectedCount).toBe(SAMPLES);
    expect(await queriedStats(client)).toEqual(plainStats());
  }, 90_000);
});

describe("a thousand series", () => {
  it("have exact sums and close quantiles, from a client of the seed that sends one sample per message", async () => {
    await using dir = await makeTempDir();
    await using server = await startServerProcess({ dataDir: dir.path });
    const random = seededRandom(runSeed());
    const plan = { samples: 30_000, series: 1000, distinctNames: 20_000, random };
    const report = await within(measureMetrics(server, plan), "the load", 100_000);
    expect(report.wrong).toEqual([]);
    expect(report.worstQuantileError).toBeLessThanOrEqual(0.01);
  }, 120_000);
});
