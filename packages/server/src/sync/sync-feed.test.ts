import { describe, expect, it } from "@jest/globals";
import { ConflictPolicy, type SyncCheckpoint } from "@millrace/shared-types";

import {
  at,
  openSyncFixture,
  remove,
  RETENTION_MS,
  TestReplica,
  told,
  upsert,
  vacuum,
} from "./sync-fixture.test.support.js";

describe("what a replica is sent", () => {
  it("is only so much on its way, until the replica confirms or allows more", async () => {
    const { deps } = await openSyncFixture();
    const writer = await TestReplica.connected(deps, "w");
    await writer.push(Array.from({ length: 5 }, (_, n) => upsert(`d${String(n)}`, "x")));
    const replica = new TestReplica(deps, "r1");
    replica.hello({ maxInFlight: 2 });
    await replica.expect("welcome");
    const first = await replica.expect("changes");
    expect(told(first.changes)).toEqual(["d0=x", "d1=x"]);
    const second = replica.expect("changes");
    replica.send({ $case: "ack", value: { cursors: first.cursors } });
    expect(told((await second).changes)).toEqual(["d2=x", "d3=x"]);
    const third = replica.expect("changes");
    replica.send({ $case: "credit", value: { changes: 1 } });
    expect(told((await third).changes)).toEqual(["d4=x"]);
    await replica.expect("checkpoint");
  });

  it("is not held back any more after a half-close", async () => {
    const { deps } = await openSyncFixture();
    const writer = await TestReplica.connected(deps, "w");
    await writer.push(Array.from({ length: 5 }, (_, n) => upsert(`d${String(n)}`, "x")));
    const replica = new TestReplica(deps, "r1");
    replica.hello({ maxInFlight: 2 });
    replica.end();
    await replica.expect("welcome");
    expect((await replica.checkpoint()).changes).toHaveLength(5);
    expect(await replica.next()).toBeUndefined();
  });

  it("refuses to confirm at a cursor that is none, and goes on", async () => {
    const { deps } = await openSyncFixture();
    const replica = await TestReplica.connected(deps, "r1");
    replica.send({ $case: "ack", value: { cursors: new Map([["c", "damaged"]]) } });
    expect(await replica.expect("error")).toMatchObject({ pushId: 0, status: { code: 3 } });
    replica.end();
    expect(await replica.next()).toBeUndefined();
  });

  it("is what its filter matches, and that a document does not match any more", async () => {
    const { deps } = await openSyncFixture();
    const json = { contentType: "application/json" };
    const writer = await TestReplica.connected(deps, "w");
    await writer.push([upsert("a", '{"n":1}', json), upsert("b", '{"n":2}', json), upsert("z", '{"n":2}', json)]);
    const replica = new TestReplica(deps, "r1");
    replica.hello({ collections: [{ name: "c", filter: 'data.n == 1 && doc.id != "z"' }] });
    await replica.expect("welcome");
    expect(told((await replica.checkpoint()).changes)).toEqual(['a={"n":1}']);
    await writer.push([
      upsert("a", '{"n":2}', { ...json, time: at(2), base: at(1) }),
      upsert("b", '{"n":1}', { ...json, time: at(2), base: at(1) }),
    ]);
    expect(told((await replica.checkpoint()).changes)).toEqual(["a-", 'b={"n":1}']);
    // Also of what it wrote itself.
    const { changes } = await replica.push([upsert("mine", '{"n":3}', json), upsert("b", '{"n":1}', { time: at(9) })]);
    expect(told(changes)).toEqual(["mine-", "b-"]);
  });

  it("leaves out deletions from before a replica began with nothing", async () => {
    const { deps } = await openSyncFixture();
    const writer = await TestReplica.connected(deps, "w");
    await writer.push([upsert("a", "1"), upsert("b", "2"), remove("a", { time: at(2), base: at(1) })]);
    const replica = new TestReplica(deps, "r1");
    replica.hello();
    await replica.expect("welcome");
    expect(told((await replica.checkpoint()).changes)).toEqual(["b=2"]);
  });

  it("has what it wrote itself, too, if it has to begin anew", async () => {
    const fixture = await openSyncFixture();
    const replica = await TestReplica.connected(fixture.deps, "r1");
    await replica.push([upsert("mine", "1")]);
    const writer = await TestReplica.connected(fixture.deps, "w");
    await writer.push([upsert("short", "2"), remove("short", { time: at(2), base: at(1) })]);
    fixture.clock.advance(2 * RETENTION_MS);
    await vacuum(fixture);
    expect(await replica.expect("reset")).toMatchObject({ collection: "c" });
    expect(told((await replica.checkpoint()).changes)).toEqual(["mine=1"]);
  });

  it("is of one moment in all collections at each checkpoint, whatever is written meanwhile", async () => {
    const { deps } = await openSyncFixture();
    await deps.collections.create({ name: "d", policy: ConflictPolicy.LAST_WRITER_WINS, retentionMs: 1000 }, 0);
    const writer = await TestReplica.connected(deps, "w");
    const replica = new TestReplica(deps, "r1");
    replica.hello({ collections: [{ name: "c" }, { name: "d" }] });
    const writing = (async (): Promise<void> => {
      for (let n = 1; n <= 50; n += 1) {
        const rest = { time: at(n) };
        await writer.push([upsert("a", String(n), rest), upsert("a", String(n), { ...rest, collection: "d" })]);
      }
    })();
    const seen = new Map<string, string>();
    let checkpoints = 0;
    for (let message = await replica.next(); seen.get("c/a") !== "50"; message = await replica.next()) {
      if (message?.$case === "changes") {
        for (const { collection, docId, content } of message.value.changes) {
          seen.set(`${collection}/${docId}`, Buffer.from(content).toString());
        }
        const { cursors } = message.value;
        replica.send({ $case: "ack", value: { cursors } });
      } else if (message?.$case === "checkpoint") {
        checkpoints += 1;
        expect(seen.get("c/a")).toBe(seen.get("d/a"));
      }
    }
    await writing;
    expect(checkpoints).toBeGreaterThan(1);
  });

  it("changes with what the replica follows", async () => {
    const { deps } = await openSyncFixture();
    await deps.collections.create({ name: "d", policy: ConflictPolicy.LAST_WRITER_WINS, retentionMs: 1000 }, 0);
    const writer = await TestReplica.connected(deps, "w");
    await writer.push([upsert("a", "1"), upsert("b", "2", { collection: "d" })]);
    const replica = new TestReplica(deps, "r1");
    replica.hello();
    await replica.expect("welcome");
    await replica.checkpoint();
    replica.send({ $case: "subscribe", value: { add: [{ name: "d" }], remove: ["c"] } });
    const { changes, checkpoint } = await replica.checkpoint();
    expect(told(changes)).toEqual(["b=2"]);
    expect([...(checkpoint satisfies SyncCheckpoint).cursors.keys()]).toEqual(["d"]);
    replica.send({ $case: "subscribe", value: { add: [{ name: "nope" }] } });
    expect(await replica.expect("error")).toMatchObject({ status: { code: 5 } });
    await writer.push([
      upsert("a", "3", { time: at(2), base: at(1) }),
      upsert("b", "4", { collection: "d", time: at(3) }),
    ]);
    expect(told((await replica.checkpoint()).changes)).toEqual(["b=4"]);
  });
});
