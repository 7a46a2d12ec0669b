import { fileURLToPath } from "node:url";

import * as grpc from "@grpc/grpc-js";
import * as protoLoader from "@grpc/proto-loader";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createClient, type StreamingClient } from "@millrace/client-sdk";

import { failureOf } from "./support/seed-calls.js";
import { type ServerProcess, startServerProcess } from "./support/server-process.js";
import { makeTempDir, type TempDir } from "./support/temp-dir.js";

interface SeedMetric {
  readonly name: string;
  readonly value: number;
  readonly labels?: Record<string, string>;
  readonly timestamp?: { readonly seconds: number };
}

/** All that the seed knows of a summary. */
interface SeedSummary {
  readonly total_count: string;
  readonly aggregates: Record<string, number>;
}

interface MetricsClient extends grpc.Client {
  collectMetrics(
    callback: (error: grpc.ServiceError | null, summary?: SeedSummary) => void,
  ): grpc.ClientWritableStream<SeedMetric>;
}

/** A client made of the seed's own proto, as its snippets do. */
function openMetricsClient(target: string): MetricsClient {
  const includeDirs = [fileURLToPath(new URL("../../tests/seed", import.meta.url))];
  const file = "streaming/v1/seed_streaming_service.proto";
  const definition = protoLoader.loadSync(file, { includeDirs, keepCase: true, longs: String, defaults: true });
  const { streaming } = grpc.loadPackageDefinition(definition) as unknown as {
    streaming: { v1: { StreamingService: new (...args: unknown[]) => MetricsClient } };
  };
  return new streaming.v1.StreamingService(target, grpc.credentials.createInsecure());
}

function collect(client: MetricsClient, metrics: readonly SeedMetric[]): Promise<SeedSummary> {
  return new Promise((resolve, reject) => {
    const call = client.collectMetrics((error, summary) => (error ? reject(error) : resolve(summary as SeedSummary)));
    for (const metric of metrics) call.write(metric);
    call.end();
  });
}

/** Defect S10 of the seed, as a client of the seed would meet it. */
describe("S10: one NaN poisoned a sum, what was acknowledged was not stored, names grew without end", () => {
  let dir: TempDir;
  let server: ServerProcess;
  let seed: MetricsClient;
  let sdk: StreamingClient;

  const open = async (): Promise<void> => {
    server = await startServerProcess({ dataDir: dir.path });
    seed = openMetricsClient(server.target);
    sdk = createClient({ target: server.target });
  };
  const close = async (): Promise<void> => {
    seed.close();
    await sdk.close();
    await server.kill();
  };

  beforeAll(async () => {
    dir = await makeTempDir();
    await open();
  });

  afterAll(async () => {
    await close();
    await dir[Symbol.asyncDispose]();
  });

  it("sums by name over all labels, and leaves out what is no number", async () => {
    const summary = await collect(seed, [
      { name: "requests", value: 1.5, labels: { path: "/a" } },
      { name: "requests", value: 2, labels: { path: "/b" }, timestamp: { seconds: Math.floor(Date.now() / 1000) } },
      { name: "requests", value: Number.NaN },
      { name: "requests", value: Infinity },
      { name: "constructor", value: 7 },
    ]);
    expect(summary.total_count).toBe("3");
    expect({ ...summary.aggregates }).toEqual({ requests: 3.5, constructor: 7 });
    expect(await collect(seed, [])).toMatchObject({ total_count: "0" });
  });

  it("still has what it acknowledged after a SIGKILL, label by label", async () => {
    const metrics = Array.from({ length: 3000 }, (_, n) => ({ name: "kept", value: n, labels: { n: String(n % 3) } }));
    expect(await collect(seed, metrics)).toMatchObject({ total_count: "3000" });
    await close();
    await open();
    const sums: [string | undefined, number][] = [];
    for await (const { labels, sum } of sdk.metrics.query("kept", { groupBy: ["n"] })) sums.push([labels["n"], sum]);
    expect(sums).toEqual([
      ["0", 1_498_500],
      ["1", 1_499_500],
      ["2", 1_500_500],
    ]);
  });

  it("says across the wire what is wrong with a call", async () => {
    const { streamingService, metricService } = sdk.raw;
    const samples = (...ids: string[]) =>
      ids.map((producerId, n) => ({ name: "m", value: 1, producerId, sequence: n + 1 }));
    const reasonOf = async (call: Promise<unknown>) =>
      ((await failureOf(call)) as unknown as { reason: string }).reason;
    const query = async (request: Parameters<typeof metricService.queryMetrics>[0]): Promise<void> => {
      for await (const _ of metricService.queryMetrics(request));
    };
    expect(await reasonOf(streamingService.collectMetrics(samples("p", "q")))).toBe("PROTOCOL_VIOLATION");
    const metrics = Array.from({ length: 10_001 }, () => ({ name: "m", value: 1 }));
    expect(await reasonOf(metricService.exportMetrics({ metrics }))).toBe("LIMIT_EXCEEDED");
    expect(await reasonOf(query({ name: "kept", step: { seconds: 0, nanos: 1_000_000 } }))).toBe("LIMIT_EXCEEDED");
    expect(await reasonOf(query({ name: "kept", filter: "labels." }))).toBe("INVALID_FILTER");
    expect(await reasonOf(query({}))).toBe("INVALID_FIELD");
    expect(await reasonOf(metricService.listSeries({ pageToken: "x" }))).toBe("INVALID_CURSOR");
    const { summary } = await metricService.exportMetrics({ metrics: [{ name: "m", value: Number.NaN }] });
    expect(summary?.rejections[0]?.status).toMatchObject({ code: grpc.status.INVALID_ARGUMENT });
    expect((await sdk.info()).limits).toMatchObject({ maxMetricSeries: 100_000 });
  });
});
