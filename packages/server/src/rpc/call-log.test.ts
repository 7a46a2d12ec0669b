import { expect, test } from "@jest/globals";
import { ServiceError } from "@millrace/shared-types";

import { startTestServer } from "../testing/start-test-server.js";
import { chunk } from "../testing/test-service.js";
import { TestClient } from "./testing/test-client.js";

const CAUSE = new Error("disk I/O error");

test.each([
  ["the storage fails", new ServiceError("BACKEND_UNAVAILABLE", "cannot write", { cause: CAUSE }), "warn", CAUSE],
  ["the disk is full", new ServiceError("QUOTA_EXCEEDED", "the disk is full", { cause: CAUSE }), "warn", CAUSE],
  ["what is stored is damaged", new ServiceError("CORRUPT_DATA", "row 7 is damaged"), "warn", undefined],
  ["the caller has used up its share", new ServiceError("QUOTA_EXCEEDED", "too much"), "info", undefined],
  ["the caller is wrong", new ServiceError("INVALID_CURSOR", "no cursor", { cause: CAUSE }), "info", undefined],
  ["nobody foresaw it", CAUSE, "error", CAUSE],
])("the log says why a call failed if an operator has to know: %s", async (_, error, level, err) => {
  await using server = await startTestServer({ one: async () => Promise.reject(error) });
  using client = new TestClient(server.address);
  await client.one(chunk(1));
  const [line] = server.log.lines.filter(
    ({ message }) => message === (level === "info" ? "call ended" : "call failed"),
  );
  expect(line).toMatchObject({ level });
  expect(line?.fields["err"]).toBe(err);
});
