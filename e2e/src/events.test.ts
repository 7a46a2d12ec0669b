import { describe, expect, it } from "@jest/globals";
import { createClient, type EventStart, Park, type StreamingClient, type WatchedEvent } from "@millrace/client-sdk";
import { eventually, openFaultProxy, within } from "@millrace/client-sdk/testing";
import { createStreamingServer, type RunningServer } from "@millrace/server";

import { makeTempDir } from "./support/temp-dir.js";

/** A server on a port and a data directory of its own, to be replaced, and a client of it. */
async function openStage(dataDir?: string) {
  const open = (port: number): Promise<RunningServer> =>
    createStreamingServer({ port, ...(dataDir !== undefined && { dataDir }) });
  let server = await open(0);
  const client = createClient({ target: server.address, resume: { backoff: { maxMs: 200 } } });
  return {
    client,
    port: server.port,
    /** Drains the server and starts another one on the same port and data. */
    async replace() {
      const { port } = server;
      await server.close();
      server = await open(port);
    },
    async [Symbol.asyncDispose]() {
      await client.close();
      await server.close();
    },
  };
}

async function typesOf(
  client: StreamingClient,
  count: number,
  from: EventStart = "beginning",
): Promise<readonly string[]> {
  const types: string[] = [];
  for await (const { type } of client.events.watch({ from, limit: count })) types.push(type);
  return types;
}

const upTo = (last: number): readonly string[] => Array.from({ length: last }, (_, index) => String(index + 1));

describe("events over real sockets", () => {
  it("come once and in order while the server is replaced under publishers and watchers", async () => {
    await using dir = await makeTempDir();
    await using stage = await openStage(dir.path);
    const { events } = stage.client;
    const watch = events.watch();
    const seen: string[] = [];
    await watch.ready;
    const watching = (async () => {
      for await (const { type } of watch) if (seen.push(type) === 300) break;
    })();
    const publisher = events.publisher();
    for (const type of upTo(300)) {
      await publisher.ready();
      void publisher.publish({ type });
      if (Number(type) % 10 === 0) await publisher.flush();
      if (Number(type) % 100 === 0) await stage.replace();
    }
    await publisher.close();
    await within(watching, "all events", 30_000);
    expect(seen).toEqual(upTo(300));
    expect(await typesOf(stage.client, 300)).toEqual(upTo(300));
  }, 60_000);

  it("come once and in order through connections that are cut and black holes", async () => {
    await using stage = await openStage();
    await using proxy = await openFaultProxy(stage.port);
    await using client = createClient({ target: proxy.target, resume: { backoff: { maxMs: 50 } } });
    const seen: string[] = [];
    const watch = client.events.watch({ heartbeatMs: 1000 });
    await watch.ready;
    const watching = (async () => {
      for await (const { type } of watch) if (seen.push(type) === 60) break;
    })();
    for (const type of upTo(60)) {
      await stage.client.events.publish({ type });
      if (Number(type) % 20 === 0) proxy.cut();
      if (type === "30") {
        await eventually(() => expect(seen).toHaveLength(30));
        proxy.stall();
        // The watch notices the silence, and tries another connection.
        const { accepted } = proxy;
        await eventually(() => expect(proxy.accepted).toBeGreaterThan(accepted));
        proxy.resume();
      }
    }
    await within(watching, "all events", 30_000);
    expect(seen).toEqual(upTo(60));
    expect(watch.attempts).toBeGreaterThan(1);
  }, 60_000);

  it("are stored once by a publication that is repeated, also with an expected revision", async () => {
    await using stage = await openStage();
    const { events } = stage.client;
    const first = await events.publish({ type: "a", id: "one", json: { n: 1 } }, { stream: "s", expectedRevision: 0 });
    const again = await events.publish({ type: "a", id: "one", json: { n: 1 } }, { stream: "s", expectedRevision: 0 });
    expect(again).toEqual({ ...first, duplicate: true });
    await expect(events.publish({ type: "b" }, { stream: "s", expectedRevision: 0 })).rejects.toMatchObject({
      reason: "REVISION_MISMATCH",
    });
    await expect(events.publish({ type: "a", id: "one", json: { n: 2 } }, { stream: "s" })).rejects.toMatchObject({
      reason: "IDEMPOTENCY_CONFLICT",
    });
  });

  it("are read in both directions, from every start", async () => {
    await using stage = await openStage();
    const { events } = stage.client;
    const published = await events.publish(upTo(20).map((type) => ({ type })));
    const read = async (options: Parameters<typeof events.read>[0]): Promise<readonly number[]> => {
      const found: WatchedEvent[] = [];
      for await (const event of events.read(options)) found.push(event);
      return found.map(({ type }) => Number(type));
    };
    expect(await read({ from: { sequence: published[17]?.sequence ?? 0 } })).toEqual([18, 19, 20]);
    expect(await read({ backwards: true, limit: 3 })).toEqual([20, 19, 18]);
    expect(await read({ from: { since: new Date(0) }, limit: 2 })).toEqual([1, 2]);
    expect(await read({ filter: 'event.type == "7"' })).toEqual([7]);
    const { lastSequence, resumeToken } = await events.info();
    expect(lastSequence).toBe(published.at(-1)?.sequence);
    expect(await read({ from: resumeToken })).toEqual([]);
  });

  it("begin with the state of the keys, on request", async () => {
    await using stage = await openStage();
    const { events } = stage.client;
    await events.publish([
      { type: "set", key: "a", payload: "1" },
      { type: "set", key: "b", payload: "1" },
      { type: "set", key: "a", payload: "2" },
      { type: "gone", key: "b", tombstone: true },
    ]);
    const seen: string[] = [];
    for await (const event of events.watch({
      sendInitialState: true,
      includePreviousPayload: true,
      onCaughtUp: () => void events.publish({ type: "set", key: "a", payload: "3" }),
    })) {
      seen.push(event.text());
      if (seen.length === 2) expect(Buffer.from(event.previousPayload ?? []).toString()).toBe("2");
      if (seen.length === 2) break;
    }
    expect(seen).toEqual(["2", "3"]);
  });
});

describe("a subscription over real sockets", () => {
  it("has every event handled, over failures, a replaced server and a second consumer", async () => {
    await using dir = await makeTempDir();
    await using stage = await openStage(dir.path);
    const { events } = stage.client;
    const create = { from: "beginning", maxDeliveryAttempts: 20, minRetryDelayMs: 10, orderedByKey: true } as const;
    const handled: string[] = [];
    const failed = new Set<string>();
    const handler = ({ type }: WatchedEvent): void => {
      if (type === "13") throw new Park("unlucky");
      if (Number(type) % 7 === 0 && !failed.has(type)) {
        failed.add(type);
        throw new Error("once");
      }
      handled.push(type);
    };
    const first = events.subscribe({ name: "s", create }, handler);
    const second = events.subscribe({ name: "s", create }, handler);
    await Promise.all([first.ready, second.ready]);
    await events.publish(upTo(50).map((type) => ({ type })));
    await stage.replace();
    await events.publish(
      upTo(100)
        .slice(50)
        .map((type) => ({ type })),
    );
    const expected = upTo(100).filter((type) => type !== "13");
    await eventually(() => expect(new Set(handled).size).toBe(expected.length), 30_000);
    expect(handled.toSorted()).toEqual(expected.toSorted());
    await Promise.all([first.close(), second.close()]);
    expect(await first.closed).toEqual({ type: "completed" });
    const { stats } = await events.subscriptions.get("s");
    expect(stats).toMatchObject({ parked: 1, backlog: 0, inFlight: 0, consumers: 0 });
    expect(await events.subscriptions.replayParked("s")).toBe(1);
    await events.subscriptions.delete("s");
  }, 60_000);
});
