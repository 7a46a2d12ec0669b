import { describe, expect, it } from "@jest/globals";
import type { Duration } from "@millrace/shared-types";

import { latch } from "../testing/latch.js";
import {
  connectTo,
  duration,
  errorOf,
  type Handlers,
  NumberService,
  startTinyServer,
} from "./tiny-server.test.support.js";

const { echo } = NumberService.methods;

type EchoCall = Parameters<NonNullable<Handlers["echo"]>>[0];

function echoAll(call: EchoCall): void {
  call.on("data", (message: Duration) => call.write(message));
  call.on("end", () => call.end());
}

describe("a duplex stream", () => {
  it("sends and receives in order, until both sides have ended", async () => {
    await using server = await startTinyServer({ echo: echoAll });
    await using client = connectTo(server.target);
    const stream = client.rpc.duplex(NumberService, echo);
    const received: number[] = [];
    const reading = (async () => {
      for await (const { seconds } of stream) received.push(seconds);
    })();
    for (let n = 1; n <= 100; n++) await stream.send({ seconds: n });
    expect(stream.bufferedBytes).toBe(0);
    await stream.end();
    await reading;
    expect(received).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
    expect(await stream.closed).toEqual({ type: "completed" });
  });

  it("takes messages without waiting, in order, and counts what waits", async () => {
    await using server = await startTinyServer({ echo: echoAll });
    await using client = connectTo(server.target);
    const stream = client.rpc.duplex(NumberService, echo);
    const sends = [1, 2, 3].map((seconds) => stream.send({ seconds }));
    expect(stream.bufferedBytes).toBe(6);
    const ending = stream.end();
    await Promise.all([...sends, ending]);
    expect(stream.bufferedBytes).toBe(0);
    const received: number[] = [];
    for await (const { seconds } of stream) received.push(seconds);
    expect(received).toEqual([1, 2, 3]);
  });

  it("refuses to buffer without bound", async () => {
    await using server = await startTinyServer({ echo: (call) => void call.pause() });
    await using client = connectTo(server.target);
    const bytes = new Uint8Array(1_000_000);
    const raw = { ...echo, requestType: { ...echo.requestType, toBytes: () => bytes } };
    const stream = client.rpc.duplex(NumberService, raw);
    const sends = Array.from({ length: 20 }, () => stream.send({}));
    const error = await errorOf(Promise.race(sends.slice(17)));
    expect(error).toMatchObject({ kind: "resource-exhausted", origin: "client" });
    expect(stream.bufferedBytes).toBeLessThanOrEqual(16 * 1_048_576);
    stream.cancel();
  });

  it("rejects sends once the call has failed, also those that wait, with the call's error", async () => {
    const begun = latch();
    await using server = await startTinyServer({
      echo(call) {
        call.pause();
        begun.open();
      },
    });
    await using client = connectTo(server.target);
    const bytes = new Uint8Array(1_000_000);
    const raw = { ...echo, requestType: { ...echo.requestType, toBytes: () => bytes } };
    const stream = client.rpc.duplex(NumberService, raw);
    const waiting = [1, 2, 3].map(() => errorOf(stream.send({})));
    const ending = errorOf(stream.end());
    await begun.promise;
    server.cutConnections();
    for (const error of await Promise.all([...waiting, ending])) {
      expect(error).toMatchObject({ kind: "unavailable", origin: "transport" });
    }
    expect(stream.bufferedBytes).toBe(0);
  });

  it("rejects sends after end(), after a cancel, and after the server's end", async () => {
    await using server = await startTinyServer({ echo: (call) => void call.end() });
    await using client = connectTo(server.target);
    const ended = client.rpc.duplex(NumberService, echo);
    void ended.end();
    expect((await errorOf(ended.send({}))).kind).toBe("failed-precondition");
    const completed = client.rpc.duplex(NumberService, echo);
    for await (const _ of completed);
    expect((await errorOf(completed.send({}))).kind).toBe("failed-precondition");
    const cancelled = client.rpc.duplex(NumberService, echo);
    await cancelled[Symbol.asyncDispose]();
    expect((await errorOf(cancelled.send({}))).kind).toBe("cancelled");
  });

  it("is cancelled at the server when its loop is left", async () => {
    const cancelled = latch();
    await using server = await startTinyServer({
      echo(call) {
        call.on("cancelled", () => cancelled.open());
        call.write(duration(1));
      },
    });
    await using client = connectTo(server.target);
    const stream = client.rpc.duplex(NumberService, echo);
    for await (const _ of stream) break;
    await cancelled.promise;
    expect(await stream.closed).toEqual({ type: "cancelled" });
  });

  it("sends all that a source yields", async () => {
    await using server = await startTinyServer({ echo: echoAll });
    await using client = connectTo(server.target);
    const stream = client.rpc.duplex(NumberService, echo);
    const sending = stream.sendAll([{ seconds: 1 }, { seconds: 2 }]);
    const received: number[] = [];
    for await (const { seconds } of stream) received.push(seconds);
    await sending;
    expect(received).toEqual([1, 2]);
  });

  it("fails with what its source throws, and cancels the call", async () => {
    const cancelled = latch();
    await using server = await startTinyServer({
      echo: (call) => void call.on("cancelled", () => cancelled.open()).on("data", () => undefined),
    });
    await using client = connectTo(server.target);
    const failure = new Error("mine");
    function* failing() {
      yield duration(1);
      throw failure;
    }
    const stream = client.rpc.duplex(NumberService, echo);
    void stream.sendAll(failing());
    await expect(stream[Symbol.asyncIterator]().next()).rejects.toBe(failure);
    await cancelled.promise;
  });
});
