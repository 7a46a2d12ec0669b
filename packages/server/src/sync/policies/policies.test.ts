import { describe, expect, it } from "@jest/globals";
import { ConflictPolicy, StatusCode, type SyncChange } from "@millrace/shared-types";

import { contextOf } from "../../files/files-fixture.test.support.js";
import { getDocument } from "../get-document.js";
import type { MergeFunction } from "../merge-function.js";
import type { SyncDeps } from "../sync-deps.js";
import {
  at,
  openSyncFixture,
  outcomes,
  patch,
  remove,
  RETENTION_MS,
  TestReplica,
  told,
  upsert,
  vacuum,
} from "../sync-fixture.test.support.js";

/** The document `a` as the server has it: its content, or those of its siblings. */
async function stored(deps: SyncDeps): Promise<string | undefined> {
  const read = getDocument({ collection: "c", docId: "a" }, contextOf(), deps);
  const { current } = await read.catch(() => ({ current: undefined }));
  return current && [current, ...current.siblings].map(({ content }) => Buffer.from(content).toString()).join(" | ");
}

async function twoReplicas(policy: ConflictPolicy, mergeFunction?: MergeFunction) {
  const fixture = await openSyncFixture(policy, mergeFunction ? { mergeFunctions: { c: mergeFunction } } : {});
  const one = await TestReplica.connected(fixture.deps, "r1");
  const other = await TestReplica.connected(fixture.deps, "r2");
  return { ...fixture, fixture, one, other, now: () => stored(fixture.deps) };
}

describe("last writer wins", () => {
  const POLICY = ConflictPolicy.LAST_WRITER_WINS;

  it("by time, whatever comes first, and tells the loser what is stored", async () => {
    const { one, other, now } = await twoReplicas(POLICY);
    await one.push([upsert("a", "late", { time: at(5) })]);
    const lost = await other.push([upsert("a", "early", { time: at(4, "r2") })]);
    expect(outcomes(lost)).toEqual(["SUPERSEDED"]);
    expect(told(lost.results.map(({ current }) => current as SyncChange))).toEqual(["a=late"]);
    expect(outcomes(await other.push([upsert("a", "later", { time: at(6, "r2") })]))).toEqual(["APPLIED"]);
    expect(await now()).toBe("later");
  });

  it("tells equal times apart by counter and replica", async () => {
    const { one, other, now } = await twoReplicas(POLICY);
    await other.push([upsert("a", "r2", { time: at(5, "r2") })]);
    expect(outcomes(await one.push([upsert("a", "r1", { time: at(5, "r1") })]))).toEqual(["SUPERSEDED"]);
    await one.push([upsert("a", "r1 again", { time: { ...at(5, "r1"), counter: 1 } })]);
    expect(await now()).toBe("r1 again");
  });

  it("also when he deletes: an older change brings nothing back, not even a first one", async () => {
    const { one, other, now } = await twoReplicas(POLICY);
    await one.push([remove("a", { time: at(5) })]);
    const late = await other.push([upsert("a", "old", { time: at(4, "r2") })]);
    expect(outcomes(late)).toEqual(["SUPERSEDED"]);
    expect(told(late.results.map(({ current }) => current as SyncChange))).toEqual(["a-"]);
    await one.push([remove("a", { time: at(7) })]);
    expect(outcomes(await other.push([upsert("a", "old", { time: at(6, "r2") })]))).toEqual(["SUPERSEDED"]);
    expect(await now()).toBeUndefined();
    await other.push([upsert("a", "new", { time: at(8, "r2") })]);
    expect(await now()).toBe("new");
  });

  it("also against a deletion that is forgotten, unless the change is younger than anything forgotten", async () => {
    const { one, fixture, clock, now } = await twoReplicas(POLICY);
    await one.push([upsert("a", "1"), remove("a", { time: at(2), base: at(1) })]);
    clock.advance(RETENTION_MS + 10);
    await vacuum(fixture);
    expect(outcomes(await one.push([upsert("a", "2", { time: at(3), base: at(1) })]))).toEqual(["SUPERSEDED"]);
    expect(await now()).toBeUndefined();
    const young = upsert("a", "3", { time: at(RETENTION_MS + 5), base: at(1) });
    expect(outcomes(await one.push([young]))).toEqual(["APPLIED"]);
    expect(outcomes(await one.push([upsert("b", "first", { time: at(3) })]))).toEqual(["APPLIED"]);
  });

  it("patches what is stored, and says that it was merged if that had changed", async () => {
    const { one, other, now } = await twoReplicas(POLICY);
    await one.push([upsert("a", '{"n":1,"o":{"p":1,"q":2}}')]);
    const { changes } = await one.push([patch("a", { o: { p: null } }, { time: at(2), base: at(1) })]);
    expect(told(changes)).toEqual(['a={"n":1,"o":{"q":2}}']); // made by the server: it comes back
    expect(outcomes(await other.push([patch("a", { m: 3 }, { time: at(3, "r2"), base: at(1) })]))).toEqual(["MERGED"]);
    expect(await now()).toBe('{"n":1,"o":{"q":2},"m":3}');
    expect(outcomes(await one.push([upsert("a", "no JSON", { time: at(4) })]))).toEqual(["APPLIED"]);
    expect(outcomes(await one.push([patch("a", {}, { time: at(5) })]))).toEqual(["REJECTED"]);
  });
});

describe("last writer wins each field", () => {
  const POLICY = ConflictPolicy.FIELD_LAST_WRITER_WINS;

  it("in whatever order the changes come", async () => {
    const changes = [
      upsert("a", '{"x":1,"y":1}', { time: at(1) }),
      patch("a", { x: 2 }, { time: at(2) }),
      patch("a", { y: 3, z: 3 }, { time: at(3) }),
      patch("a", { y: null }, { time: at(4) }),
    ];
    for (const order of [
      [0, 1, 2, 3],
      [3, 2, 1, 0],
      [2, 0, 3, 1],
      [1, 3, 0, 2],
    ]) {
      // prettier-ignore
      const { one, now } = await twoReplicas(POLICY);
      for (const index of order) await one.push([changes[index] ?? {}]);
      expect(JSON.parse((await now()) ?? "")).toEqual({ x: 2, z: 3 });
    }
  });

  it("so that changes of different fields are both kept, with a time of the server", async () => {
    const { one, other, now } = await twoReplicas(POLICY);
    await one.push([upsert("a", '{"x":1,"y":1}')]);
    await one.push([patch("a", { x: 2 }, { time: at(5), base: at(1) })]);
    const merged = await other.push([patch("a", { y: 2 }, { time: at(4, "r2"), base: at(1) })]);
    expect(outcomes(merged)).toEqual(["MERGED"]);
    expect(merged.results[0]?.current).toMatchObject({ time: { nodeId: "server" }, replicaId: "server" });
    expect(merged.results[0]?.current?.fieldTimes.get("y")).toEqual(at(4, "r2"));
    expect(await now()).toBe('{"x":2,"y":2}');
    expect(outcomes(await other.push([patch("a", { x: 0 }, { time: at(3, "r2"), base: at(1) })]))).toEqual([
      "SUPERSEDED",
    ]);
  });

  it("and a deletion wins all fields that are older", async () => {
    const { one, other, now } = await twoReplicas(POLICY);
    await one.push([upsert("a", '{"x":1}')]);
    await one.push([remove("a", { time: at(5), base: at(1) })]);
    expect(outcomes(await other.push([patch("a", { y: 1 }, { time: at(4, "r2"), base: at(1) })]))).toEqual([
      "SUPERSEDED",
    ]);
    expect(await now()).toBeUndefined();
    await other.push([patch("a", { y: 2 }, { time: at(6, "r2"), base: at(1) })]);
    expect(await now()).toBe('{"y":2}');
  });

  it("by the times that a change gives for its fields", async () => {
    const { one, now } = await twoReplicas(POLICY);
    await one.push([upsert("a", '{"x":1,"y":1}', { time: at(3) })]);
    const fieldTimes = new Map([["x", at(2)]]);
    await one.push([upsert("a", '{"x":2,"y":2}', { time: at(4), fieldTimes })]);
    expect(await now()).toBe('{"x":1,"y":2}');
    const late = new Map([["x", at(9)]]);
    expect(outcomes(await one.push([upsert("a", '{"x":3}', { time: at(5), fieldTimes: late })]))).toEqual(["REJECTED"]);
  });

  it("and remembers those that were removed, up to a number", async () => {
    const { one, other, now, clock } = await twoReplicas(POLICY);
    await one.push([upsert("a", '{"x":1,"y":1}'), patch("a", { x: null }, { time: at(3), base: at(1) })]);
    clock.advance(2 * RETENTION_MS);
    expect(outcomes(await other.push([patch("a", { x: 2 }, { time: at(2, "r2"), base: at(1) })]))).toEqual([
      "SUPERSEDED",
    ]);
    expect(await now()).toBe('{"y":1}');
    const many = Object.fromEntries(Array.from({ length: 999 }, (_, n) => [`f${String(n)}`, n]));
    expect(outcomes(await one.push([patch("a", many, { time: at(4), base: at(3) })]))).toEqual(["REJECTED"]);
  });

  it("and takes nothing but objects of JSON, with names that are only names", async () => {
    const { one, now } = await twoReplicas(POLICY);
    const refused = await one.push(
      ["[1]", "1", "{", "\xff", '{"a":'.repeat(70) + "1" + "}".repeat(70)].map((text) => upsert("a", text)),
    );
    expect(new Set(outcomes(refused))).toEqual(new Set(["REJECTED"]));
    await one.push([upsert("a", '{"__proto__":{"x":1},"constructor":2}')]);
    expect(await now()).toBe('{"__proto__":{"x":1},"constructor":2}');
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
  });
});

describe("a concurrent change is refused", () => {
  const POLICY = ConflictPolicy.REJECT;

  it("with what is stored, whatever its time", async () => {
    const { one, other, now } = await twoReplicas(POLICY);
    await one.push([upsert("a", "1")]);
    const refused = await other.push([upsert("a", "2", { time: at(9, "r2") })]);
    expect(outcomes(refused)).toEqual(["CONFLICT"]);
    expect(refused.results[0]).toMatchObject({ status: { code: StatusCode.ABORTED } });
    expect(told(refused.results.map(({ current }) => current as SyncChange))).toEqual(["a=1"]);
    expect(outcomes(await other.push([upsert("a", "2", { time: at(9, "r2"), base: at(1) })]))).toEqual(["APPLIED"]);
    expect(outcomes(await one.push([remove("a", { time: at(10), base: at(1) })]))).toEqual(["CONFLICT"]);
    expect(await now()).toBe("2");
  });

  it("and refused again, with the reason, when it comes again", async () => {
    const { one, other } = await twoReplicas(POLICY);
    await one.push([upsert("a", "1")]);
    const change = { ...upsert("a", "2", { time: at(9, "r2") }), replicaSequence: 1 };
    await other.push([change]);
    const again = await other.push([change]);
    expect(outcomes(again)).toEqual(["DUPLICATE"]);
    expect(again.results[0]).toMatchObject({ status: { code: StatusCode.ABORTED }, current: { docId: "a" } });
  });

  it("but a new document may take the place of one that is gone, and what is gone may be deleted again", async () => {
    const { one, other, now } = await twoReplicas(POLICY);
    await one.push([upsert("a", "1"), remove("a", { time: at(2), base: at(1) })]);
    expect(outcomes(await other.push([remove("a", { time: at(3, "r2"), base: at(1) })]))).toEqual(["SUPERSEDED"]);
    expect(outcomes(await other.push([upsert("a", "x", { time: at(3, "r2"), base: at(1) })]))).toEqual(["CONFLICT"]);
    expect(outcomes(await other.push([upsert("a", "2", { time: at(3, "r2") })]))).toEqual(["APPLIED"]);
    expect(await now()).toBe("2");
  });

  it("and with it all others of an atomic push, which are then not applied later either", async () => {
    const { one, other, now } = await twoReplicas(POLICY);
    await one.push([upsert("b", "1")]);
    const push = await other.push([upsert("a", "2"), upsert("b", "2", { time: at(9, "r2") })], { atomic: true });
    expect(outcomes(push)).toEqual(["REJECTED", "CONFLICT"]);
    expect(push.lastReplicaSequence).toBe(2);
    expect(await now()).toBeUndefined();
    const hole = await other.push(
      [
        { ...upsert("a", "3"), replicaSequence: 3 },
        { ...upsert("b", "3"), replicaSequence: 5 },
      ],
      { atomic: true },
    );
    expect([outcomes(hole), hole.lastReplicaSequence]).toEqual([["REJECTED", "REJECTED"], 2]);
    expect(outcomes(await other.push([{ ...upsert("a", "3"), replicaSequence: 3 }], { atomic: true }))).toEqual([
      "APPLIED",
    ]);
  });
});

describe("siblings are kept", () => {
  const POLICY = ConflictPolicy.KEEP_SIBLINGS;

  it("of concurrent changes, and replaced by one that includes them", async () => {
    const { one, other, now } = await twoReplicas(POLICY);
    await one.push([upsert("a", "1")]);
    const second = await other.push([upsert("a", "2", { time: at(2, "r2") })]);
    expect(outcomes(second)).toEqual(["SIBLING"]);
    expect(await now()).toBe("2 | 1");
    const { context } = second.results[0]?.current ?? {};
    expect(context?.clocks).toEqual(new Map([["r1", 1], ["r2", 1]])); // prettier-ignore
    const solved = upsert("a", "both", { time: at(3), base: at(2, "r2"), ...(context && { context }) });
    expect(outcomes(await one.push([solved]))).toEqual(["APPLIED"]);
    expect(await now()).toBe("both");
  });

  it("where a change goes on from one of them", async () => {
    const { one, other, now } = await twoReplicas(POLICY);
    await one.push([upsert("a", "1")]);
    await other.push([upsert("a", "2", { time: at(2, "r2") })]);
    expect(outcomes(await one.push([upsert("a", "1b", { time: at(3), base: at(1) })]))).toEqual(["SIBLING"]);
    expect(await now()).toBe("1b | 2");
  });

  it("when a replica deletes what it knows: what it does not know stays, and its writer is told", async () => {
    const { one, other, now } = await twoReplicas(POLICY);
    await one.push([upsert("a", "1")]);
    await other.push([upsert("a", "2", { time: at(2, "r2") })]);
    await one.checkpoint();
    expect(outcomes(await one.push([remove("a", { time: at(3), base: at(1) })]))).toEqual(["MERGED"]);
    expect(await now()).toBe("2");
    expect(told((await other.checkpoint()).changes)).toEqual(["a=2"]);
  });

  it("up to a number of them", async () => {
    const { one } = await twoReplicas(POLICY);
    await one.push(Array.from({ length: 64 }, (_, n) => upsert("a", String(n), { time: at(n + 1) })));
    expect(outcomes(await one.push([upsert("a", "too many", { time: at(100) })]))).toEqual(["REJECTED"]);
  });
});

describe("a function merges", () => {
  const POLICY = ConflictPolicy.MERGE_FUNCTION;
  const join: MergeFunction = ({ current, incoming }) => {
    const texts = [current, incoming].map((version) => (version ? Buffer.from(version.content).toString() : "-"));
    return texts.join("+") === "-+drop"
      ? undefined
      : { content: Buffer.from(texts.join("+")), contentType: "text/plain" };
  };

  it("concurrent changes, deletions too, and only those", async () => {
    const { one, other, now } = await twoReplicas(POLICY, join);
    expect(outcomes(await one.push([upsert("a", "1"), upsert("a", "2", { time: at(2), base: at(1) })]))).toEqual([
      "APPLIED",
      "APPLIED",
    ]);
    const merged = await other.push([upsert("a", "3", { time: at(3, "r2") })]);
    expect(outcomes(merged)).toEqual(["MERGED"]);
    expect(told(merged.changes).at(-1)).toBe("a=2+3");
    await one.push([remove("a", { time: at(4), base: at(2) })]);
    expect(await now()).toBe("2+3+-");
  });

  it("and may delete", async () => {
    const { one, other, now } = await twoReplicas(POLICY, join);
    await one.push([upsert("a", "1"), remove("a", { time: at(2), base: at(1) })]);
    expect(outcomes(await other.push([upsert("a", "drop", { time: at(3, "r2") })]))).toEqual(["MERGED"]);
    expect(await now()).toBeUndefined();
  });

  it("and refuses what it throws at, or makes too large", async () => {
    const made = { content: Buffer.alloc(1024 * 1024 + 1), contentType: "" };
    for (const merge of [() => Promise.reject(new Error("no")), () => made] satisfies MergeFunction[]) {
      const { one, other, now } = await twoReplicas(POLICY, merge);
      await one.push([upsert("a", "1")]);
      expect(outcomes(await other.push([upsert("a", "2", { time: at(2, "r2") })]))).toEqual(["CONFLICT"]);
      expect(await now()).toBe("1");
    }
  });

  it("or, if this server has none, the replica is to try again later", async () => {
    const { one, other, now } = await twoReplicas(POLICY);
    await one.push([upsert("a", "1")]);
    await expect(other.push([upsert("a", "2", { time: at(2, "r2") })])).rejects.toMatchObject({
      code: StatusCode.UNAVAILABLE,
      reason: "BACKEND_UNAVAILABLE",
    });
    expect(await now()).toBe("1");
  });
});
