import { status as Code } from "@grpc/grpc-js";
import { describe, expect, it } from "@jest/globals";
import type { Duration } from "@millrace/shared-types";

import { latch } from "../testing/latch.js";
import type { CallOptions } from "../options.js";
import { seededRandom } from "../testing/seeded-random.js";
import { VirtualClock } from "../testing/virtual-clock.js";
import { resumableStream, type ResumableStreamOptions } from "./resumable-stream.js";
import { openResumeLoop } from "./resume-loop.js";
import type { ResumableStream } from "./streams.js";
import {
  connectTo,
  duration,
  errorOf,
  type Handlers,
  NumberService,
  startTinyServer,
  type TestClient,
  type TinyServer,
} from "./tiny-server.test.support.js";

const { count } = NumberService.methods;
const QUICK = { backoff: { initialMs: 1, maxMs: 1 } };

type CountCall = Parameters<NonNullable<Handlers["count"]>>[0];

/** Counts from the number after the request's. */
function resumeCount(
  client: TestClient,
  options: Partial<ResumableStreamOptions<Duration, number>> = {},
  call: CallOptions = {},
): ResumableStream<Duration, number> {
  return resumableStream<Duration, number>({
    open: (position = 0) => client.rpc.serverStream(NumberService, count, { seconds: position }, call),
    positionAfter: ({ seconds }) => seconds,
    policy: QUICK,
    ...options,
  });
}

/** Writes the numbers up to `last` that follow the request's, then calls `atEnd`. */
function writeUpTo(call: CountCall, last: number, atEnd: () => void): void {
  let n = call.request.seconds;
  const more = (): void => {
    if (call.cancelled) return;
    if (n >= last) atEnd();
    else call.write(duration(++n), () => setImmediate(more));
  };
  more();
}

const unavailable = { code: Code.UNAVAILABLE, details: "not now" };

describe("a resumable stream", () => {
  it("gives every item once and in order over 50 random cuts", async () => {
    const seed = Number(process.env["SEED"] ?? Date.now() % 1_000_000);
    process.stdout.write(`seed of the random cuts: ${String(seed)}\n`);
    const random = seededRandom(seed);
    const last = 5000;
    const running = latch<TinyServer>();
    const cuts = new Set<number>();
    while (cuts.size < 50) cuts.add(1 + Math.floor(random() * (last - 1)));
    const cut = async (call: CountCall, kind: number): Promise<void> => {
      const server = await running.promise;
      if (kind < 0.4) server.cutConnections();
      else if (kind < 0.7) call.emit("error", unavailable);
      else server.server.drain(server.target, 0);
    };
    const seen: number[] = [];
    await using started = await startTinyServer({
      count(call) {
        const at = [...cuts].filter((place) => place > call.request.seconds).toSorted((a, b) => a - b)[0];
        writeUpTo(call, at ?? last, () => {
          if (at === undefined) {
            call.end();
            return;
          }
          cuts.delete(at);
          void cut(call, random());
        });
      },
    });
    running.open(started);
    await using client = connectTo(started.target);
    const stream = resumeCount(client);
    for await (const { seconds } of stream) seen.push(seconds);
    expect(seen).toEqual(Array.from({ length: last }, (_, index) => index + 1));
    expect(stream.attempts).toBeGreaterThan(50);
    expect(stream.position).toBe(last);
    expect(await stream.closed).toEqual({ type: "completed" });
  });

  it("goes on after the item that the consumer has finished, not the one it was given", async () => {
    const positions: number[] = [];
    await using server = await startTinyServer({
      count(call) {
        positions.push(call.request.seconds);
        writeUpTo(call, 3, () => call.end());
      },
    });
    await using client = connectTo(server.target);
    const stream = resumeCount(client);
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    await iterator.next();
    expect(stream.position).toBe(1);
    const third = iterator.next();
    expect((await third).value?.seconds).toBe(3);
    expect(stream.position).toBe(2);
  });

  it("tells where it goes on, and starts where it is told", async () => {
    let calls = 0;
    await using server = await startTinyServer({
      count: (call) => writeUpTo(call, 12, () => (calls++ === 0 ? call.emit("error", unavailable) : call.end())),
    });
    await using client = connectTo(server.target);
    const resumed: unknown[] = [];
    const onResume = (position: number | undefined, attempt: number): void => void resumed.push([position, attempt]);
    const seen: number[] = [];
    for await (const { seconds } of resumeCount(client, { start: 10, onResume })) seen.push(seconds);
    expect(seen).toEqual([11, 12]);
    expect(resumed).toEqual([[12, 2]]);
  });

  it("counts failures in a row: progress starts the count anew", async () => {
    await using server = await startTinyServer({
      count: (call) => writeUpTo(call, call.request.seconds + 1, () => call.emit("error", unavailable)),
    });
    await using client = connectTo(server.target);
    const seen: number[] = [];
    for await (const { seconds } of resumeCount(client, { policy: { ...QUICK, maxAttempts: 2 } })) {
      seen.push(seconds);
      if (seconds === 10) break;
    }
    expect(seen).toHaveLength(10);
  });

  it("fails with all attempts and the position when it gives up", async () => {
    await using server = await startTinyServer({
      count: (call) => writeUpTo(call, 2, () => call.emit("error", unavailable)),
    });
    await using client = connectTo(server.target);
    const stream = resumeCount(client, { policy: { ...QUICK, maxAttempts: 3 } });
    const error = await errorOf(
      (async () => {
        for await (const _ of stream);
      })(),
    );
    expect(error).toMatchObject({ kind: "unavailable", position: "2" });
    expect(error.attempts).toHaveLength(3);
    expect(await stream.closed).toEqual({ type: "failed", error });
  });

  it("fails at once with what cannot get better", async () => {
    let calls = 0;
    await using server = await startTinyServer({
      count(call) {
        calls++;
        call.emit("error", { code: Code.NOT_FOUND, details: "no such thing" });
      },
    });
    await using client = connectTo(server.target);
    const stream = resumeCount(client);
    expect((await errorOf(stream[Symbol.asyncIterator]().next())).kind).toBe("not-found");
    expect(calls).toBe(1);
    await expect(stream.headers).rejects.toMatchObject({ kind: "not-found" });
  });

  it("is left silently, also during a backoff, and leaves no timer", async () => {
    const clock = new VirtualClock();
    await using server = await startTinyServer({ count: (call) => void call.emit("error", unavailable) });
    await using client = connectTo(server.target);
    const openLoop: ResumableStreamOptions<Duration, number>["openLoop"] = (call) => openResumeLoop({ ...call, clock });
    const stream = resumeCount(client, { openLoop });
    const iterator = stream[Symbol.asyncIterator]();
    const pending = iterator.next();
    await clock.untilPending(1);
    await iterator.return?.();
    expect(await pending).toEqual({ done: true, value: undefined });
    expect(await stream.closed).toEqual({ type: "cancelled" });
    expect(clock.pending).toBe(0);
  });

  it("fails at once when its signal aborts during a backoff", async () => {
    const clock = new VirtualClock();
    await using server = await startTinyServer({ count: (call) => void call.emit("error", unavailable) });
    await using client = connectTo(server.target);
    const { signal, abort } = abortable();
    const openLoop: ResumableStreamOptions<Duration, number>["openLoop"] = (call) => openResumeLoop({ ...call, clock });
    const stream = resumeCount(client, { openLoop, signal }, { signal });
    const pending = errorOf(stream[Symbol.asyncIterator]().next());
    await clock.untilPending(1);
    abort("enough");
    expect(await pending).toMatchObject({ kind: "cancelled", cause: "enough" });
    expect(clock.pending).toBe(0);
  });

  it("has ended when its signal aborts, also if nobody reads", async () => {
    const cancelled = latch();
    await using server = await startTinyServer({ count: (call) => void call.on("cancelled", () => cancelled.open()) });
    await using client = connectTo(server.target);
    await client.transport.connect(AbortSignal.timeout(10_000));
    const { signal, abort } = abortable();
    const stream = resumeCount(client, { signal }, { signal });
    abort("enough");
    expect(await stream.closed).toMatchObject({ type: "failed", error: { kind: "cancelled", cause: "enough" } });
    const error = await errorOf(stream[Symbol.asyncIterator]().next());
    expect(error).toMatchObject({ kind: "cancelled", cause: "enough" });
  });
});

function abortable(): { signal: AbortSignal; abort: (reason: unknown) => void } {
  const control = new AbortController();
  return { signal: control.signal, abort: (reason) => control.abort(reason) };
}
