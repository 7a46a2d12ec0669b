import { status as Code } from "@grpc/grpc-js";
import { describe, expect, it } from "@jest/globals";
import type { Duration } from "@millrace/shared-types";

import { latch } from "../testing/latch.js";
import { VirtualClock } from "../testing/virtual-clock.js";
import type { ServerStream } from "./streams.js";
import {
  connectTo,
  duration,
  errorOf,
  type Handlers,
  metadataOf,
  NumberService,
  roundTrips,
  startTinyServer,
} from "./tiny-server.test.support.js";

const { count } = NumberService.methods;

type CountCall = Parameters<NonNullable<Handlers["count"]>>[0];

async function secondsOf(stream: AsyncIterable<Duration>): Promise<number[]> {
  const seconds: number[] = [];
  for await (const item of stream) seconds.push(item.seconds);
  return seconds;
}

/** Writes 1, 2, … and never ends. */
function countForEver(call: CountCall): void {
  let n = 0;
  const more = (): void => {
    if (!call.cancelled) call.write(duration(++n), () => setImmediate(more));
  };
  more();
}

function countTo(limit: number) {
  return (call: CountCall): void => {
    for (let n = 1; n <= limit; n++) call.write(duration(n));
    call.end(metadataOf({ "x-farewell": "bye" }));
  };
}

/** Says when the server sees the cancel. */
function serverThatCounts(handler: (call: CountCall) => void) {
  const begun = latch();
  const cancelled = latch();
  const count = (call: CountCall): void => {
    call.on("cancelled", () => cancelled.open());
    begun.open();
    handler(call);
  };
  return { begun, cancelled, handlers: { count } };
}

describe("a server stream", () => {
  it.each([0, 1, 1000])("gives %d messages in order, then headers, trailers and its end", async (limit) => {
    await using server = await startTinyServer({ count: countTo(limit) });
    await using client = connectTo(server.target);
    const stream = client.rpc.serverStream(NumberService, count, {});
    expect(await secondsOf(stream)).toEqual(Array.from({ length: limit }, (_, index) => index + 1));
    expect(await stream.closed).toEqual({ type: "completed" });
    // A response without messages has its headers in its trailers.
    expect("content-type" in (await stream.headers)).toBe(limit > 0);
    expect(await stream.trailers).toMatchObject({ "x-farewell": "bye" });
    expect(client.core.counters).toMatchObject({ started: 1, completed: 1, messagesReceived: limit });
  });

  it("is cancelled at the server when its loop is left", async () => {
    const { cancelled, handlers } = serverThatCounts(countForEver);
    await using server = await startTinyServer(handlers);
    await using client = connectTo(server.target);
    const stream = client.rpc.serverStream(NumberService, count, {});
    for await (const { seconds } of stream) if (seconds === 3) break;
    await cancelled.promise;
    expect(await stream.closed).toEqual({ type: "cancelled" });
  });

  it.each([
    ["return()", (_stream: ServerStream<Duration>, iterator: AsyncIterator<Duration>) => iterator.return?.()],
    ["cancel()", (stream: ServerStream<Duration>) => stream.cancel("enough")],
    ["dispose", (stream: ServerStream<Duration>) => stream[Symbol.asyncDispose]()],
  ])("is ended by %s at once and silently while next() is pending", async (_name, leave) => {
    const { begun, cancelled, handlers } = serverThatCounts(() => undefined);
    await using server = await startTinyServer(handlers);
    await using client = connectTo(server.target);
    const stream = client.rpc.serverStream(NumberService, count, {});
    const iterator = stream[Symbol.asyncIterator]();
    const pending = [iterator.next(), iterator.next()];
    await begun.promise;
    await leave(stream, iterator);
    expect(await Promise.all(pending)).toEqual(
      [{ done: true }, { done: true }].map((done) => ({ ...done, value: undefined })),
    );
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    await cancelled.promise;
  });

  it("gives throw()'s error back and cancels", async () => {
    const { cancelled, handlers } = serverThatCounts(countForEver);
    await using server = await startTinyServer(handlers);
    await using client = connectTo(server.target);
    const iterator = client.rpc.serverStream(NumberService, count, {})[Symbol.asyncIterator]();
    await iterator.next();
    await expect(iterator.throw?.(new Error("mine"))).rejects.toThrow("mine");
    await cancelled.promise;
  });

  it("answers several next() calls in order", async () => {
    await using server = await startTinyServer({ count: countTo(3) });
    await using client = connectTo(server.target);
    const iterator = client.rpc.serverStream(NumberService, count, {})[Symbol.asyncIterator]();
    const results = await Promise.all([iterator.next(), iterator.next(), iterator.next(), iterator.next()]);
    expect(results.map(({ value }) => value?.seconds)).toEqual([1, 2, 3, undefined]);
  });

  it("can be iterated once", async () => {
    await using server = await startTinyServer({ count: countTo(1) });
    await using client = connectTo(server.target);
    const stream = client.rpc.serverStream(NumberService, count, {});
    await secondsOf(stream);
    expect(() => stream[Symbol.asyncIterator]()).toThrow("a stream can be iterated once");
  });

  it.each([
    ["before the first message", 0],
    ["in the middle", 3],
  ])("fails when its signal aborts %s, also at the server", async (_when, after) => {
    const { begun, cancelled, handlers } = serverThatCounts((call) => {
      for (let n = 1; n <= after; n++) call.write(duration(n));
    });
    await using server = await startTinyServer(handlers);
    await using client = connectTo(server.target);
    const control = new AbortController();
    const stream = client.rpc.serverStream(NumberService, count, {}, { signal: control.signal });
    const iterator = stream[Symbol.asyncIterator]();
    for (let n = 0; n < after; n++) await iterator.next();
    const pending = errorOf(iterator.next());
    await begun.promise;
    control.abort("enough");
    expect(await pending).toMatchObject({ name: "AbortError", cause: "enough" });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect(await stream.closed).toMatchObject({ type: "failed", error: { kind: "cancelled" } });
    await cancelled.promise;
  });

  it("fails if its signal was aborted before it began", async () => {
    await using server = await startTinyServer({ count: countTo(1) });
    await using client = connectTo(server.target);
    const stream = client.rpc.serverStream(NumberService, count, {}, { signal: AbortSignal.abort("no") });
    expect(await errorOf(secondsOf(stream))).toMatchObject({ kind: "cancelled", cause: "no" });
    await expect(stream.headers).rejects.toMatchObject({ kind: "cancelled" });
  });

  it("ends at its deadline", async () => {
    const { cancelled, handlers } = serverThatCounts(countForEver);
    await using server = await startTinyServer(handlers);
    await using client = connectTo(server.target);
    const stream = client.rpc.serverStream(NumberService, count, {}, { timeoutMs: 60 });
    expect((await errorOf(secondsOf(stream))).kind).toBe("deadline-exceeded");
    await cancelled.promise;
  });

  it("measures its idle timeout only while a message is awaited", async () => {
    const clock = new VirtualClock();
    const { cancelled, handlers } = serverThatCounts((call) => {
      call.write(duration(1));
    });
    await using server = await startTinyServer(handlers);
    await using client = connectTo(server.target, { clock });
    const stream = client.rpc.serverStream(NumberService, count, {}, { idleTimeoutMs: 1000 });
    const iterator = stream[Symbol.asyncIterator]();
    await clock.advance(5000);
    expect((await iterator.next()).value?.seconds).toBe(1);
    await clock.advance(5000);
    const pending = errorOf(iterator.next());
    await clock.untilPending(1);
    await clock.advance(999);
    await clock.advance(1);
    expect(await pending).toMatchObject({ kind: "idle-timeout", origin: "client", message: "no message for 1000 ms" });
    await cancelled.promise;
    expect(clock.pending).toBe(0);
  });

  it("gives the messages before a server error, then the error once", async () => {
    await using server = await startTinyServer({
      count(call) {
        call.write(duration(1), () => {
          call.emit("error", { code: Code.FAILED_PRECONDITION, details: "no more", metadata: metadataOf({ a: "b" }) });
        });
      },
    });
    await using client = connectTo(server.target);
    const stream = client.rpc.serverStream(NumberService, count, {});
    const iterator = stream[Symbol.asyncIterator]();
    const first = iterator.next();
    const second = iterator.next();
    expect((await first).value?.seconds).toBe(1);
    const error = await errorOf(second);
    expect(error).toMatchObject({ kind: "failed-precondition", origin: "server", message: "no more" });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    await expect(stream.trailers).rejects.toBe(error);
    expect(await stream.closed).toEqual({ type: "failed", error });
  });

  it("fails with UNAVAILABLE of the transport when the connection is lost", async () => {
    const { begun, handlers } = serverThatCounts(() => undefined);
    await using server = await startTinyServer(handlers);
    await using client = connectTo(server.target);
    const pending = errorOf(secondsOf(client.rpc.serverStream(NumberService, count, {})));
    await begun.promise;
    server.cutConnections();
    expect(await pending).toMatchObject({ kind: "unavailable", origin: "transport", retryable: true });
  });

  it("is retryable when a server that stops resets it", async () => {
    const { begun, handlers } = serverThatCounts(() => undefined);
    await using server = await startTinyServer(handlers);
    await using client = connectTo(server.target);
    const pending = errorOf(secondsOf(client.rpc.serverStream(NumberService, count, {})));
    await begun.promise;
    server.server.drain(server.target, 0);
    expect(await pending).toMatchObject({ kind: "cancelled", origin: "transport", retryable: true });
  });

  it.each([0, 1])("holds the server when nobody reads after %d messages", async (read) => {
    const chunk = Buffer.alloc(60_000, 0x10);
    let writtenBytes = 0;
    await using server = await startTinyServer({
      count(call) {
        const more = (): void => {
          call.write(chunk as never, () => {
            writtenBytes += chunk.byteLength;
            more();
          });
        };
        more();
      },
      double: (_call, callback) => callback(null, duration(0)),
    });
    await using client = connectTo(server.target, { limits: { receiveWindowBytes: 1_048_576 } });
    const iterator = client.rpc.serverStream(NumberService, count, {})[Symbol.asyncIterator]();
    for (let n = 0; n < read; n++) await iterator.next();
    // Time enough for many times the window, if nothing held the server.
    await roundTrips(server.target, 500);
    expect(writtenBytes).toBeLessThan(4 * 1_048_576);
    await iterator.return?.();
  });

  it("that nobody looks at fails without an unhandled rejection", async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", note);
    await using server = await startTinyServer({
      count: (call) => void call.emit("error", { code: 13, details: "x" }),
    });
    await using client = connectTo(server.target);
    const stream = client.rpc.serverStream(NumberService, count, {});
    expect(await stream.closed).toMatchObject({ type: "failed" });
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", note);
    expect(unhandled).toEqual([]);
  });

  it("fails when onHeaders throws, with what it threw as cause", async () => {
    const cause = new Error("mine");
    await using server = await startTinyServer({ count: countForEver });
    await using client = connectTo(server.target);
    const onHeaders = (): never => {
      throw cause;
    };
    const stream = client.rpc.serverStream(NumberService, count, {}, { onHeaders });
    expect(await errorOf(secondsOf(stream))).toMatchObject({ kind: "internal", origin: "client", cause });
  });
});
