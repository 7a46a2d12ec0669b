import { describe, expect, it } from "@jest/globals";
import { createClient, type OutgoingItem, type StreamingClient } from "@millrace/client-sdk";
import { within } from "@millrace/client-sdk/testing";

import { type ServerProcess, startServerProcess } from "./support/server-process.js";
import { makeTempDir } from "./support/temp-dir.js";

const ITEMS = 20_000;
const KILLS = 3;

/** A server process on a data directory of its own, to be killed and started again, and a client of it. */
async function openStage() {
  const dir = await makeTempDir();
  let server: ServerProcess = await startServerProcess({ dataDir: dir.path });
  const { port, target } = server;
  const client = createClient({ target, resume: { backoff: { maxMs: 200 } } });
  return {
    client,
    /** SIGKILL, and another process on the same port and data. */
    async kill() {
      await server.kill();
      server = await startServerProcess({ dataDir: dir.path, port });
    },
    async [Symbol.asyncDispose]() {
      await client.close();
      await server[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

function keyOf(n: number): string {
  return `key-${String(n).padStart(8, "0")}`;
}

function contentOf(n: number): string {
  return JSON.stringify({ n, text: "x".repeat(n % 300) });
}

function* items(): Generator<OutgoingItem> {
  for (let n = 0; n < ITEMS; n++) yield { key: keyOf(n), data: contentOf(n), contentType: "application/json" };
}

const LINES: readonly string[] = Array.from({ length: ITEMS }, (_, n) => `${keyOf(n)} ${contentOf(n)}`);

/** Lists all items and calls `onItem` with the number of each. */
async function linesOf({ data }: StreamingClient, from?: string, onItem?: (count: number) => Promise<void>) {
  const lines: string[] = [];
  const listing = data.list({ dataset: "things", ...(from !== undefined && { from }) });
  for await (const item of listing) {
    lines.push(`${item.key} ${item.text()}`);
    await onItem?.(lines.length);
  }
  return { lines, attempts: listing.attempts };
}

/** Runs `next` each time that a share of all items is passed. */
function atEachShare(next: () => Promise<void>): (count: number) => Promise<void> {
  let done = 0;
  return async (count) => {
    if (done >= KILLS || count < ((done + 1) * ITEMS) / (KILLS + 1)) return;
    done++;
    await next();
  };
}

describe("datasets of a server that is killed", () => {
  it("have every item once and in order, imported and listed in the middle of it", async () => {
    await using stage = await openStage();
    const { data } = stage.client;
    await data.datasets.create("things");
    let killing = Promise.resolve();
    const killNow = atEachShare(() => (killing = killing.then(() => stage.kill())));
    const imported = await within(
      data.import(items(), { dataset: "things", maxBatchItems: 200, onProgress: (at) => void killNow(at.storedItems) }),
      "the import",
      120_000,
    );
    await killing;
    expect(imported).toMatchObject({ storedItems: ITEMS, rejectedItems: 0 });
    expect(await data.datasets.get("things")).toMatchObject({ itemCount: ITEMS });

    const { lines, attempts } = await within(
      linesOf(
        stage.client,
        undefined,
        atEachShare(() => stage.kill()),
      ),
      "the listing",
      120_000,
    );
    expect(lines.length).toBe(ITEMS);
    expect(lines.findIndex((line, index) => line !== LINES[index])).toBe(-1);
    expect(attempts).toBeGreaterThan(1);
  }, 240_000);

  it("are listed to their end from the position of a listing before, as they were when that began", async () => {
    await using stage = await openStage();
    const { data } = stage.client;
    await data.datasets.create("things");
    await data.import(items(), { dataset: "things" });
    const first = data.list({ dataset: "things", batchBytes: 10_000 });
    const keys: string[] = [];
    for await (const { key } of first) {
      if (keys.length === 1234) break;
      keys.push(key);
    }
    await data.put({ key: `${keyOf(1500)}-new` }, { dataset: "things" });
    await data.put({ key: keyOf(1600), json: "changed" }, { dataset: "things" });
    await data.delete(keyOf(1700), { dataset: "things" });
    await stage.kill();
    const { lines } = await linesOf(stage.client, first.position);
    expect(lines).toEqual(LINES.slice(keys.length));
  }, 120_000);

  it("make a change once although its answer is lost with the server", async () => {
    await using stage = await openStage();
    const { data } = stage.client;
    const stored = await data.put({ key: "a", json: 1 }, { ifVersionMatch: 0 });
    const put = { put: { key: "b", json: 1 }, ifVersionMatch: 0 };
    const first = await data.mutate([put], { idempotencyKey: "once" });
    await stage.kill();
    expect(await data.mutate([put], { idempotencyKey: "once" })).toEqual(first);
    await expect(data.put({ key: "a", json: 2 }, { ifVersionMatch: 0 })).rejects.toMatchObject({
      reason: "REVISION_MISMATCH",
    });
    expect(await data.get("a", { ifVersionNotMatch: stored.version })).toBeUndefined();
    expect((await data.get({ id: stored.id })).json()).toBe(1);
  }, 60_000);
});
