import { expect, test } from "@jest/globals";
import { HealthCheckResponse_ServingStatus as ServingStatus } from "@millrace/shared-types";

import { HealthState } from "../health/health-service.js";
import { RecordingLogger } from "../testing/recording-logger.js";
import { StoreLosses } from "./store-losses.js";

const LOSS = new Error("the server cannot use its items", { cause: "disk I/O error" });

test.each(["before", "after"])("a store that is lost %s the server listens is told by log and by health", (when) => {
  const log = new RecordingLogger();
  const losses = new StoreLosses(log);
  const health = new HealthState(["streaming.v1.DatasetService"]);
  if (when === "before") losses.add(LOSS);
  losses.tell(health);
  if (when === "after") {
    expect(health.statusOf("")).toBe(ServingStatus.SERVING);
    losses.add(LOSS);
  }
  expect(health.statusOf("")).toBe(ServingStatus.NOT_SERVING);
  expect(log.atLeast("error")).toMatchObject([{ fields: { err: "disk I/O error", details: LOSS.message } }]);
});
