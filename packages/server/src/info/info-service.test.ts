import { describe, expect, test } from "@jest/globals";
import { DEFAULT_LIMITS, type GetServerInfoResponse } from "@millrace/shared-types";

import { InfoClient } from "../rpc/testing/info-client.js";
import { createStreamingServer } from "../streaming-server.js";
import { SERVER_VERSION } from "./server-version.js";

describe("GetServerInfo", () => {
  test("tells version, limits in force, features and clock", async () => {
    await using server = await createStreamingServer({
      port: 0,
      limits: { maxMessageBytes: 2 ** 21 },
      fileLimits: { uploadTtlMs: 90_500 },
      eventLimits: { maxEventBytes: 5_000 },
    });
    using client = new InfoClient(server.address);
    const info: GetServerInfoResponse = await client.getServerInfo();
    expect(info).toMatchObject({
      serverVersion: SERVER_VERSION,
      profile: "embedded",
      features: ["files.parallel", "files.dedupe", "events.subscriptions"],
      limits: {
        maxMessageBytes: 2 ** 21,
        maxChunkBytes: DEFAULT_LIMITS.maxChunkBytes,
        maxFileBytes: DEFAULT_LIMITS.maxFileBytes,
        uploadTtl: { seconds: 90, nanos: 500_000_000 },
        maxEventBytes: 5_000,
        maxFilterChars: DEFAULT_LIMITS.maxFilterChars,
        maxBatchItems: DEFAULT_LIMITS.maxBatchItems,
      },
      caller: "",
    });
    expect(Math.abs((info.serverTime?.seconds ?? 0) * 1_000 - Date.now())).toBeLessThan(60_000);
  });

  test("names the data, not the process: two empty servers differ", async () => {
    const ids = new Set<string>();
    for (let n = 0; n < 2; n++) {
      await using server = await createStreamingServer({ port: 0 });
      using client = new InfoClient(server.address);
      ids.add((await client.getServerInfo()).clusterId);
    }
    expect(ids.size).toBe(2);
  });

  test("tells a caller who the server takes him for", async () => {
    await using server = await createStreamingServer({ port: 0, authenticate: () => ({ id: "ada" }) });
    using client = new InfoClient(server.address);
    expect((await client.getServerInfo()).caller).toBe("ada");
  });
});
