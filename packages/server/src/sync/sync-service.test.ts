import { describe, expect, it } from "@jest/globals";
import {
  ChangeOperation,
  ConflictPolicy,
  CreateCollectionRequest,
  ListConflictsRequest,
  type PartialMessage,
  ResolveConflictRequest,
  SyncOutcome,
} from "@millrace/shared-types";

import { contextOf } from "../files/files-fixture.test.support.js";

import { sweep } from "../data/upkeep.js";
import { Collections } from "./collections.js";
import { syncService } from "./sync-service.js";
import {
  at,
  openSyncFixture,
  RETENTION_MS,
  type SyncFixture,
  TestReplica,
  told,
  upsert,
} from "./sync-fixture.test.support.js";

const { KEEP_SIBLINGS, MERGE_FUNCTION, LAST_WRITER_WINS } = ConflictPolicy;

function serviceOf({ deps }: SyncFixture) {
  const { createCollection, resolveConflict, listConflicts, ...rest } = syncService(deps);
  return {
    ...rest,
    createCollection: (request: PartialMessage<CreateCollectionRequest>) =>
      createCollection(CreateCollectionRequest.fromPartial(request), contextOf()),
    resolveConflict: (request: PartialMessage<ResolveConflictRequest>) =>
      resolveConflict(ResolveConflictRequest.fromPartial(request), contextOf()),
    listConflicts: (request: PartialMessage<ListConflictsRequest>) =>
      listConflicts(ListConflictsRequest.fromPartial(request), contextOf()),
  };
}

/** A fixture whose documents `a` and `b` have two siblings each. */
async function withConflicts(): Promise<SyncFixture> {
  const fixture = await openSyncFixture(KEEP_SIBLINGS);
  const replica = await TestReplica.connected(fixture.deps, "r1");
  for (const id of ["a", "b"]) await replica.push([upsert(id, "1"), upsert(id, "2", { time: at(2) })]);
  return fixture;
}

describe("CreateCollection", () => {
  it("makes a collection with the defaults, once", async () => {
    const fixture = await openSyncFixture();
    const { createCollection } = serviceOf(fixture);
    expect(await createCollection({ collection: { name: "notes" } })).toEqual({
      collection: {
        name: "notes",
        policy: LAST_WRITER_WINS,
        tombstoneRetention: { seconds: 30 * 86_400, nanos: 0 },
        documentCount: 0,
      },
    });
    await expect(createCollection({ collection: { name: "notes" } })).rejects.toMatchObject({
      reason: "RESOURCE_EXISTS",
    });
  });

  it("refuses names, policies and retentions that are none", async () => {
    const { createCollection } = serviceOf(await openSyncFixture());
    for (const collection of [
      undefined,
      { name: "" },
      { name: "A" },
      { name: "x".repeat(129) },
      { name: "n", policy: 5 as ConflictPolicy },
      { name: "n", policy: MERGE_FUNCTION },
      { name: "n", tombstoneRetention: { seconds: 0, nanos: 1 } },
      { name: "n", tombstoneRetention: { seconds: 4e8, nanos: 0 } },
    ]) {
      await expect(createCollection(collection ? { collection } : {})).rejects.toMatchObject({
        reason: "INVALID_FIELD",
      });
    }
  });

  it("is remembered when the server starts again", async () => {
    const fixture = await openSyncFixture();
    await serviceOf(fixture).createCollection({ collection: { name: "notes", policy: KEEP_SIBLINGS } });
    const again = new Collections(fixture.deps.records);
    await again.load();
    expect(again.get("notes")).toEqual(fixture.deps.collections.get("notes"));
  });
});

describe("ListCollections", () => {
  it("lists by name, page by page, with the number of documents", async () => {
    const fixture = await openSyncFixture();
    const { createCollection, listCollections } = serviceOf(fixture);
    await createCollection({ collection: { name: "b" } });
    const replica = await TestReplica.connected(fixture.deps, "r1");
    await replica.push([upsert("a", "1")]);
    const first = await listCollections({ pageSize: 1, pageToken: "" }, contextOf());
    expect(first.collections).toMatchObject([{ name: "b", documentCount: 0 }]);
    const second = await listCollections({ pageSize: 1, pageToken: first.nextPageToken }, contextOf());
    expect(second).toMatchObject({ collections: [{ name: "c", documentCount: 1 }], nextPageToken: "" });
  });
});

describe("GetDocument", () => {
  it("reads a document with its siblings", async () => {
    const { getDocument } = serviceOf(await withConflicts());
    const { current } = await getDocument({ collection: "c", docId: "a" }, contextOf());
    expect(current && told([current])).toEqual(["a=2"]);
    expect(current?.siblings.map(({ content }) => Buffer.from(content).toString())).toEqual(["1"]);
    expect(current).toMatchObject({ userId: "alice", replicaId: "r1", time: at(2) });
    await expect(getDocument({ collection: "c", docId: "x" }, contextOf())).rejects.toMatchObject({
      reason: "RESOURCE_NOT_FOUND",
    });
    await expect(getDocument({ collection: "c", docId: "" }, contextOf())).rejects.toMatchObject({
      reason: "INVALID_FIELD",
    });
  });
});

describe("ListConflicts and ResolveConflict", () => {
  it("list documents that have siblings, page by page, until they are resolved", async () => {
    const fixture = await withConflicts();
    const { listConflicts, resolveConflict, getDocument } = serviceOf(fixture);
    const first = await listConflicts({ collection: "c", pageSize: 1 });
    expect(first.docIds).toEqual(["a"]);
    expect(await listConflicts({ collection: "c", pageToken: first.nextPageToken })).toEqual({
      docIds: ["b"],
      nextPageToken: "",
    });
    const { context } = (await getDocument({ collection: "c", docId: "a" }, contextOf())).current ?? {};
    const resolution = { ...upsert("a", "both"), ...(context && { context }) };
    const { result } = await resolveConflict({ resolution });
    expect(result?.outcome).toBe(SyncOutcome.APPLIED);
    expect((await listConflicts({ collection: "c" })).docIds).toEqual(["b"]);
    const { current } = await getDocument({ collection: "c", docId: "a" }, contextOf());
    expect(current).toMatchObject({ siblings: [], replicaId: "server", userId: "alice" });
    expect(Buffer.from(current?.content ?? "").toString()).toBe("both");
  });

  it("leave a version that the resolution does not include, and delete what it does", async () => {
    const fixture = await withConflicts();
    const { resolveConflict, listConflicts, getDocument } = serviceOf(fixture);
    const replica = await TestReplica.connected(fixture.deps, "r2");
    await replica.push([upsert("a", "3", { time: at(3, "r2") })]);
    const context = { clocks: new Map([["r1", 99]]) };
    const { result } = await resolveConflict({ resolution: { ...upsert("a", "both"), context } });
    expect(result?.outcome).toBe(SyncOutcome.SIBLING);
    expect(result?.current?.siblings).toHaveLength(1);
    const all = result?.current?.context;
    const deletion = { collection: "c", docId: "a", operation: ChangeOperation.DELETE, ...(all && { context: all }) };
    await resolveConflict({ resolution: deletion });
    expect((await listConflicts({ collection: "c" })).docIds).toEqual(["b"]);
    await expect(getDocument({ collection: "c", docId: "a" }, contextOf())).rejects.toThrow("not found");
  });

  it("refuse what is no resolution, or resolves nothing", async () => {
    const { resolveConflict } = serviceOf(await withConflicts());
    await expect(resolveConflict({})).rejects.toMatchObject({ reason: "INVALID_FIELD" });
    await expect(resolveConflict({ resolution: upsert("x", "1") })).rejects.toMatchObject({
      reason: "RESOURCE_NOT_FOUND",
    });
    const other = serviceOf(await openSyncFixture());
    await expect(other.resolveConflict({ resolution: upsert("a", "1") })).rejects.toMatchObject({
      reason: "INVALID_FIELD",
    });
  });
});

describe("the vacuum of the item store", () => {
  it("forgets deletions of a collection after its own time, and those of nobody it does not know", async () => {
    const fixture = await openSyncFixture();
    const { deps, items, clock } = fixture;
    const replica = await TestReplica.connected(deps, "r1");
    await replica.push([upsert("a", "1"), upsert("b", "1")]);
    await replica.push([{ ...upsert("a", ""), operation: ChangeOperation.DELETE, time: at(2), base: at(1) }]);
    const { documents } = deps.collections.get("c");
    const sweeping = { ...deps, limits: { maxItemBytes: 1, maxFilterChars: 1, snapshotTtlMs: 1000 } };
    const deletions = async (): Promise<number> => {
      await sweep({ ...sweeping, keptElsewhere: deps.collections });
      const { rows } = await items.changes({ collection: documents, afterVersion: 0, maxRows: 10, maxBytes: 1000 });
      return rows.filter(({ deleted }) => deleted).length;
    };
    clock.advance(RETENTION_MS - 1);
    expect(await deletions()).toBe(1);
    clock.advance(2);
    await sweep({ ...sweeping, keptElsewhere: undefined });
    expect(deps.collections.tombstonesBeforeMs("data/x", 0)).toBeUndefined();
    expect(deps.collections.tombstonesBeforeMs("sync/documents/unknown", 0)).toBe(-Infinity);
    expect(await deletions()).toBe(0);
  });
});
