import { describe, expect, test } from "@jest/globals";

import { openTemporaryFolder } from "./adapters/embedded/temporary-folder.js";
import { InfoClient } from "./rpc/testing/info-client.js";
import { TestClient } from "./rpc/testing/test-client.js";
import { partialService } from "./rpc/bind-service.js";
import { createStreamingServer } from "./streaming-server.js";
import { chunk, TestService } from "./testing/test-service.js";

describe("the streaming server", () => {
  test("keeps its identity in its data directory, which one server at a time holds", async () => {
    await using folder = await openTemporaryFolder();
    const dataDir = folder.path;
    const clusterIds: string[] = [];
    for (let n = 0; n < 2; n++) {
      await using server = await createStreamingServer({ port: 0, dataDir });
      using client = new InfoClient(server.address);
      clusterIds.push((await client.getServerInfo()).clusterId);
      await expect(createStreamingServer({ port: 0, dataDir })).rejects.toThrow(
        "another server uses the data directory",
      );
    }
    expect(clusterIds[0]).toBe(clusterIds[1]);
  });

  test("serves an application's own services beside its own", async () => {
    const mine = partialService(TestService, { one: async (request) => Promise.resolve(request) });
    await using server = await createStreamingServer({ port: 0, services: [mine] });
    using client = new TestClient(server.address);
    expect((await client.one(chunk(5))).numbers).toEqual([5]);
  });

  test("RPCs of domains that are not built yet answer UNIMPLEMENTED", async () => {
    await using server = await createStreamingServer({ port: 0 });
    using client = new TestClient(server.address);
    for (const path of ["/streaming.v1.StreamingService/InteractiveQuery"]) {
      expect((await client.one(chunk(0), {}, path)).code).toBe(12);
    }
  });

  test("refuses unknown options and limits by name, and then holds nothing", async () => {
    await using folder = await openTemporaryFolder();
    const dataDir = folder.path;
    await expect(createStreamingServer({ datadir: dataDir } as object)).rejects.toThrow('did you mean "dataDir"?');
    await expect(createStreamingServer({ fileLimits: { maxChunkBytes: 1 } })).rejects.toThrow(
      "fileLimits.maxChunkBytes",
    );
    await expect(createStreamingServer({ eventLimits: { maxAgeMs: 0 } })).rejects.toThrow("eventLimits.maxAgeMs");
    await expect(createStreamingServer({ dataDir, host: "0.0.0.0" })).rejects.toThrow("insecure: true");
    await using server = await createStreamingServer({ port: 0, dataDir });
    expect(server.port).toBeGreaterThan(0);
  });
});
