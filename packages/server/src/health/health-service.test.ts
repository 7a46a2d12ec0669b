import { describe, expect, test } from "@jest/globals";
import { HealthCheckResponse_ServingStatus as ServingStatus } from "@millrace/shared-types";

import { HealthState } from "./health-service.js";
import { HealthClient } from "../rpc/testing/health-client.js";
import { startTestServer } from "../testing/start-test-server.js";

const TEST_SERVICE = "test.v1.TestService";

describe("health", () => {
  test("the server and each of its services are SERVING; a stranger is NOT_FOUND", async () => {
    await using test = await startTestServer();
    using health = new HealthClient(test.address);
    expect(await health.check("")).toBe(ServingStatus.SERVING);
    expect(await health.check(TEST_SERVICE)).toBe(ServingStatus.SERVING);
    await expect(health.check("stranger")).rejects.toMatchObject({ code: 5 });
  });

  test("is answered without asking who calls", async () => {
    await using test = await startTestServer(
      {},
      {
        authenticate: () => {
          throw new Error("must not be asked");
        },
      },
    );
    using health = new HealthClient(test.address);
    expect(await health.check("")).toBe(ServingStatus.SERVING);
  });

  test("a watcher hears the state now and each change, and of a service that it does not know SERVICE_UNKNOWN", async () => {
    await using test = await startTestServer();
    using health = new HealthClient(test.address);
    const watch = health.watch(TEST_SERVICE);
    expect(await watch.next()).toBe(ServingStatus.SERVING);
    test.server.health.set(TEST_SERVICE, false);
    expect(await watch.next()).toBe(ServingStatus.NOT_SERVING);
    test.server.health.set(TEST_SERVICE, true);
    expect(await watch.next()).toBe(ServingStatus.SERVING);
    expect(await health.watch("stranger").next()).toBe(ServingStatus.SERVICE_UNKNOWN);
  });

  test("a drain tells watchers NOT_SERVING before it ends their streams, and checks go on being answered", async () => {
    await using test = await startTestServer();
    using health = new HealthClient(test.address);
    const watch = health.watch("");
    expect(await watch.next()).toBe(ServingStatus.SERVING);
    await test.server.drain();
    expect(await watch.next()).toBe(ServingStatus.NOT_SERVING);
    await expect(watch.next()).rejects.toMatchObject({ code: 14 });
    expect(await health.check("")).toBe(ServingStatus.NOT_SERVING);
  });

  test("nobody who waits leaves a listener behind", async () => {
    const state = new HealthState([]);
    const stop = new AbortController();
    const changes = Array.from({ length: 3 }, () => state.nextChange(stop.signal));
    stop.abort(new Error("enough"));
    for (const change of changes) await expect(change).rejects.toThrow("enough");
    await expect(state.nextChange(stop.signal)).rejects.toThrow("enough");
  });
});
