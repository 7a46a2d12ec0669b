import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import {
  NotFoundError,
  type OpenReplicaOptions,
  type ReplicaStatus,
  type StreamingError,
  type SyncApi,
  type SyncChangeEvent,
  type SyncConflict,
  type SyncDocument,
  UnavailableError,
} from "@millrace/client-sdk";

import { type CommandRun, runCommand } from "../run-command.test.support.js";

interface Setup {
  /** `offline`: cannot be reached; an error: the replica fails with it. */
  readonly server?: "offline" | StreamingError;
  readonly documents?: readonly SyncDocument[];
  readonly conflicts?: readonly SyncConflict[];
  readonly changes?: readonly SyncChangeEvent[];
}

function document(id: string, data: string | Uint8Array, rest: Partial<SyncDocument> = {}): SyncDocument {
  const bytes = Buffer.from(data);
  return {
    collection: "notes",
    id,
    data: bytes,
    contentType: "application/json",
    updatedAt: new Date(0),
    userId: "",
    isPending: false,
    siblings: [],
    text: () => bytes.toString(),
    json: () => JSON.parse(bytes.toString()) as unknown,
    ...rest,
  };
}

/** A replica that a test makes up. */
function fakeSync({ server, documents = [], conflicts = [], changes = [] }: Setup) {
  const written: unknown[] = [];
  const opened: OpenReplicaOptions[] = [];
  const lost = new UnavailableError("refused");
  const status = (): ReplicaStatus => ({
    state: server === undefined ? "live" : server === "offline" ? "offline" : "failed",
    pendingChanges: server === "offline" ? written.length : 0,
    syncedAt: undefined,
    error: server === undefined ? undefined : server === "offline" ? lost : server,
  });
  const collection = {
    get: (id: string) => documents.find((each) => each.id === id),
    query: () => documents,
    put: async (id: string, value: unknown) => void written.push([id, value]),
    delete: async (id: string) => void written.push([id]),
    conflicts: () => conflicts,
    async *changes() {
      yield* changes;
    },
  };
  const sync = {
    async open(options: OpenReplicaOptions) {
      opened.push(options);
      return {
        get status() {
          return status();
        },
        collection: () => collection,
        synced: async ({ signal }: { signal: AbortSignal }) => {
          if (server === undefined) return;
          options.onStatus?.(status());
          if (server !== "offline") throw server;
          if (signal.aborted) throw lost;
          await new Promise(() => {});
        },
        [Symbol.asyncDispose]: async () => {},
      };
    },
    collections: {
      create: async (name: string, options: object) => ({
        name,
        documentCount: 0,
        tombstoneRetentionMs: 1,
        policy: "reject",
        ...options,
      }),
      async *list() {
        yield { name: "notes", policy: "reject", documentCount: 3, tombstoneRetentionMs: 1 };
      },
    },
  } as unknown as SyncApi;
  return { sync, written, opened };
}

async function run(args: readonly string[], setup: Setup = {}): Promise<CommandRun & ReturnType<typeof fakeSync>> {
  const fake = fakeSync(setup);
  return { ...(await runCommand(["sync", ...args], { sync: fake.sync })), ...fake };
}

describe("millrace sync", () => {
  let folder: string;
  let file: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "millrace-cli-sync-"));
    file = join(folder, "replica.db");
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("makes and lists collections", async () => {
    expect((await run(["create", "notes", "--policy", "reject"])).stdout).toBe("notes\treject\t0\n");
    const { stdout } = await run(["create", "notes", "--retention", "12h", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ tombstoneRetentionMs: 43_200_000, policy: "last-writer-wins" });
    expect((await run(["collections"])).stdout).toBe("notes\treject\t3\n");
    expect((await run(["create", "notes", "--policy", "x"])).code).toBe(2);
    expect((await run(["create", "notes", "--retention", "12"])).code).toBe(2);
  });

  it("puts JSON, or a text, and deletes", async () => {
    expect((await run(["put", "notes", "a", '{"n":1}'])).written).toEqual([["a", { n: 1 }]]);
    expect((await run(["put", "notes", "a", "some text"])).written).toEqual([["a", "some text"]]);
    const { stdout, written } = await run(["delete", "notes", "a", "--json"]);
    expect([stdout, written]).toEqual(['{"id":"a","synced":true}\n', [["a"]]]);
  });

  it("prints a document, and fails if there is none", async () => {
    const documents = [document("a", '{"n":1}')];
    expect((await run(["get", "notes", "a"], { documents })).stdout).toBe('{"n":1}\n');
    expect(await run(["get", "notes", "b"], { documents })).toMatchObject({ code: 1, stdout: "" });
  });

  it("lists documents without what a terminal would act on, or as JSON", async () => {
    const documents = [
      document("a\u001B", '"x\\n\u001B[31m"'),
      document("b", Uint8Array.of(255), { contentType: "", isPending: true }),
      document("c", "1", { siblings: [document("c", "2")] }),
    ];
    const plain = await run(["list", "notes"], { documents });
    expect(plain.stdout).not.toContain("\u001B");
    const { stdout } = await run(["list", "notes", "--json"], { documents });
    expect(
      stdout
        .trim()
        .split("\n")
        .slice(1)
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { id: "b", dataBase64: "/w==", contentType: "", pending: true },
      { id: "c", data: 1, siblings: [{ data: 2 }] },
    ]);
  });

  it("works without a connection with --replica, and says that it does", async () => {
    const { code, stderr, opened, written } = await run(["put", "notes", "a", "1", "--replica", file], {
      server: "offline",
    });
    expect([code, written]).toEqual([0, [["a", 1]]]);
    expect(stderr).toBe("millrace: no connection to 127.0.0.1:50051; changes that are kept for later: 1\n");
    expect(opened[0]).toMatchObject({ collections: ["notes"], path: file });
  });

  it("does nothing without a connection and without --replica", async () => {
    const { sync, written } = fakeSync({});
    const refusal = new UnavailableError("refused");
    expect(await runCommand(["sync", "put", "notes", "a", "1"], { sync, refusal })).toMatchObject({ code: 1 });
    expect(written).toEqual([]);
  });

  it("fails with what the server refuses", async () => {
    const missing = await run(["list", "notes", "--replica", file], {
      server: new NotFoundError("no such collection"),
    });
    expect(missing).toMatchObject({ code: 1, stdout: "" });
    const conflicts = [
      { collection: "notes", id: "a", mine: document("a", "1"), reason: "REVISION_MISMATCH", message: "too late" },
    ];
    const refused = await run(["put", "notes", "a", "1"], { conflicts });
    expect([refused.code, refused.stderr]).toEqual([1, "millrace: refused: REVISION_MISMATCH: too late\n"]);
    expect((await run(["put", "notes", "b", "1"], { conflicts })).code).toBe(0);
    expect((await run(["conflicts", "notes"], { conflicts })).stdout).toBe("a\tREVISION_MISMATCH\t1\n");
    expect((await run(["conflicts", "notes", "--json"], { conflicts })).stdout).toBe(
      '{"id":"a","reason":"REVISION_MISMATCH","data":1}\n',
    );
  });

  it("watches: what there is, then what changes, nothing of it twice", async () => {
    const a = document("a", "1");
    const changes: SyncChangeEvent[] = [
      { type: "changed", collection: "notes", id: "a", document: a },
      { type: "changed", collection: "notes", id: "a", document: document("a", "2", { updatedAt: new Date(1) }) },
      { type: "changed", collection: "notes", id: "a", document: undefined },
      { type: "reload", collection: "notes" },
    ];
    const { stdout } = await run(["watch", "notes"], { documents: [a], changes });
    expect(stdout).toBe("a\t1\na\t2\na\tdeleted\na\t1\n");
  });
});
