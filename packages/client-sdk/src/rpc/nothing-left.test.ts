import { getEventListeners } from "node:events";

import { describe, expect, it } from "@jest/globals";
import type { Duration } from "@millrace/shared-types";

import type { CallOptions } from "../options.js";
import { CountingClock } from "../testing/counting-clock.js";
import type { Rpc } from "./rpc.js";
import { connectTo, duration, type Handlers, NumberService, startTinyServer } from "./tiny-server.test.support.js";

const { double, count, sum, echo } = NumberService.methods;

const broken = { code: 9, details: "broken" };

/** Requests of 0 seconds succeed, others fail. */
const handlers: Handlers = {
  double: ({ request }, callback) => (request.seconds === 0 ? callback(null, duration(0)) : callback(broken)),
  count(call) {
    call.write(duration(1), () => (call.request.seconds === 0 ? call.end() : call.emit("error", broken)));
  },
  sum(call, callback) {
    call.once("data", ({ seconds }: { seconds: number }) => (seconds === 0 ? undefined : callback(broken)));
    call.on("end", () => callback(null, duration(0)));
  },
  echo(call) {
    call.on("data", (message: Duration) => (message.seconds === 0 ? call.write(message) : call.emit("error", broken)));
    call.on("end", () => call.end());
  },
};

async function readAll(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

async function readOne(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream) break;
}

type Run = (rpc: Rpc, options: CallOptions, control: AbortController) => Promise<unknown>;

const runs: readonly (readonly [string, Run])[] = [
  ["unary, done", (rpc, options) => rpc.unary(NumberService, double, {}, options)],
  ["unary, failed", (rpc, options) => rpc.unary(NumberService, double, { seconds: 1 }, options)],
  [
    "unary, aborted",
    (rpc, options, control) => {
      const call = rpc.unary(NumberService, double, {}, options);
      control.abort();
      return call;
    },
  ],
  ["server stream, done", (rpc, options) => readAll(rpc.serverStream(NumberService, count, {}, options))],
  ["server stream, left", (rpc, options) => readOne(rpc.serverStream(NumberService, count, {}, options))],
  ["server stream, failed", (rpc, options) => readAll(rpc.serverStream(NumberService, count, { seconds: 1 }, options))],
  [
    "server stream, aborted",
    (rpc, options, control) => {
      const stream = rpc.serverStream(NumberService, count, {}, options);
      control.abort();
      return stream.closed;
    },
  ],
  ["client stream, done", (rpc, options) => rpc.clientStream(NumberService, sum, [{}, {}], options)],
  ["client stream, failed", (rpc, options) => rpc.clientStream(NumberService, sum, [{ seconds: 1 }], options)],
  [
    "client stream, source throws",
    (rpc, options) =>
      rpc.clientStream(
        NumberService,
        sum,
        (function* () {
          yield {};
          throw new Error("mine");
        })(),
        options,
      ),
  ],
  [
    "duplex stream, done",
    (rpc, options) => {
      const stream = rpc.duplex(NumberService, echo, options);
      void stream.sendAll([{}, {}]);
      return readAll(stream);
    },
  ],
  [
    "duplex stream, left",
    (rpc, options) => {
      const stream = rpc.duplex(NumberService, echo, options);
      void stream.send({});
      return readOne(stream);
    },
  ],
  [
    "duplex stream, failed",
    (rpc, options) => {
      const stream = rpc.duplex(NumberService, echo, options);
      void stream.send({ seconds: 1 });
      void stream.end();
      return readAll(stream);
    },
  ],
];

describe("nothing is left behind by a", () => {
  it.each(runs)("%s", async (_name, run) => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", note);
    const clock = new CountingClock();
    await using server = await startTinyServer(handlers);
    await using client = connectTo(server.target, { clock });
    const control = new AbortController();
    const options = { signal: control.signal, timeoutMs: 60_000, idleTimeoutMs: 60_000 };
    await run(client.rpc, options, control).catch(() => undefined);
    await client.core.calls.drained(AbortSignal.timeout(10_000));
    await new Promise((resolve) => setImmediate(resolve));
    expect(client.core.calls.size).toBe(0);
    expect(clock.pending).toBe(0);
    expect(getEventListeners(control.signal, "abort")).toEqual([]);
    expect(unhandled).toEqual([]);
    const { started, completed, failed, cancelled } = client.core.counters;
    expect(completed + failed + cancelled).toBe(started);
    process.off("unhandledRejection", note);
  });
});
