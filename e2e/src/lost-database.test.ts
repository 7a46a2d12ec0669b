import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { expect, it } from "@jest/globals";
import { createClient } from "@millrace/client-sdk";
import { createStreamingServer } from "@millrace/server";
import { HealthCheckResponse_ServingStatus as ServingStatus } from "@millrace/shared-types";

import { makeTempDir } from "./support/temp-dir.js";

it("a database that cannot be written any more is told by health; a new start has all that was acknowledged", async () => {
  await using dir = await makeTempDir();
  const options = { port: 0, dataDir: dir.path };
  {
    await using server = await createStreamingServer(options);
    await using client = createClient({ target: server.address, resume: false });
    await client.data.put({ key: "before", json: 1 });
    expect(server.health.statusOf("")).toBe(ServingStatus.SERVING);
    withDatabase(dir.path, "CREATE TRIGGER broken BEFORE INSERT ON versions BEGIN SELECT RAISE(FAIL, 'broken'); END");
    await expect(client.data.put({ key: "lost", json: 2 })).rejects.toMatchObject({ reason: "BACKEND_UNAVAILABLE" });
    expect(server.health.statusOf("")).toBe(ServingStatus.NOT_SERVING);
    await client.events.publish({ type: "other" });
  }
  withDatabase(dir.path, "DROP TRIGGER broken");
  await using server = await createStreamingServer(options);
  await using client = createClient({ target: server.address });
  expect((await client.data.get("before")).json()).toBe(1);
  expect(server.health.statusOf("")).toBe(ServingStatus.SERVING);
});

/** Does something to the database of the items behind the server's back. */
function withDatabase(dataDir: string, sql: string): void {
  const database = new DatabaseSync(join(dataDir, "items.db"));
  database.exec(sql);
  database.close();
}
