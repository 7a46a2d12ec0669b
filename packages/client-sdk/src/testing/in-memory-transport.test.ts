import { describe, expect, it } from "@jest/globals";
import {
  decodeMessage,
  decodeStatusDetails,
  encodeMessage,
  methodPath,
  ServiceError,
  STATUS_DETAILS_KEY,
  StatusCode,
  type MethodDefinition,
} from "@millrace/shared-types";

import type { TransportCall, TransportStatus } from "../rpc/transport.js";
import type { InMemoryCallContext } from "./in-memory-context.js";
import { createInMemoryTransport, type InMemoryTransport } from "./in-memory-transport.js";
import { latch } from "./latch.js";
import { ContractItem, ContractService, type ContractHandlers } from "./stream-contract/contract-service.js";
import { tally } from "./tally.js";
import { VirtualClock } from "./virtual-clock.js";

const { unary, serverStream, clientStream, duplex } = ContractService.methods;
const item = (n: number): ContractItem => ContractItem.fromPartial({ n });

const unexpected = (): never => {
  throw new Error("not a part of this test");
};

function transportTo(
  handlers: Partial<ContractHandlers<InMemoryCallContext>>,
  clock?: VirtualClock,
): InMemoryTransport {
  const all = {
    unary: unexpected,
    serverStream: unexpected,
    clientStream: unexpected,
    duplex: unexpected,
    ...handlers,
  };
  return createInMemoryTransport((serve) => serve(ContractService, all), clock && { clock });
}

function start(transport: InMemoryTransport, method: MethodDefinition, deadline?: number): TransportCall {
  const path = methodPath(ContractService, method);
  return transport.start({ path, headers: { "x-test": "1" }, ...(deadline !== undefined && { deadline }) });
}

const send = (call: TransportCall, n: number): Promise<void> => call.send(encodeMessage(ContractItem, item(n)));

async function receiveAll(call: TransportCall): Promise<number[]> {
  const received: number[] = [];
  for (let message = await call.receive(); message; message = await call.receive()) {
    received.push(decodeMessage(ContractItem, message).n);
  }
  return received;
}

function detailsOf(status: TransportStatus): ReturnType<typeof decodeStatusDetails> {
  return decodeStatusDetails(status.trailers[STATUS_DETAILS_KEY] as Uint8Array);
}

describe("the in-memory transport", () => {
  it("carries a unary call with its headers and trailers", async () => {
    const transport = transportTo({
      unary: ({ n }, context) => {
        context.sendHeaders({ seen: String(context.headers["x-test"]) });
        context.trailers["cost"] = "2";
        return Promise.resolve(item(n + 1));
      },
    });
    const call = start(transport, unary);
    await send(call, 1);
    call.halfClose();
    expect(await receiveAll(call)).toEqual([2]);
    expect(await call.headers).toEqual({ seen: "1" });
    expect(await call.status).toMatchObject({ code: StatusCode.OK, trailers: { cost: "2" } });
    expect(transport.liveCalls).toBe(0);
  });

  it("carries both directions of a stream in order", async () => {
    const transport = transportTo({
      async *duplex(requests) {
        for await (const { n } of requests) yield item(n * 10);
      },
    });
    const call = start(transport, duplex);
    const received = receiveAll(call);
    for (let n = 0; n < 20; n++) await send(call, n);
    call.halfClose();
    expect(await received).toEqual(Array.from({ length: 20 }, (_, n) => n * 10));
    expect((await call.status).code).toBe(StatusCode.OK);
  });

  it("holds the producer at a reader that takes nothing: two messages are made, not more", async () => {
    const produced = tally();
    const transport = transportTo({
      async *serverStream() {
        for (let n = 0; n < 10; n++) {
          produced.add();
          yield item(n);
        }
      },
    });
    const call = start(transport, serverStream);
    await send(call, 0);
    await produced.reached(2);
    for (let turn = 0; turn < 100; turn++) await Promise.resolve();
    expect(produced.count).toBe(2);
    expect(await receiveAll(call)).toHaveLength(10);
  });

  it("holds the sender at a handler that reads nothing", async () => {
    const release = latch();
    const transport = transportTo({
      async clientStream(requests) {
        await release.promise;
        let count = 0;
        for await (const _ of requests) count++;
        return item(count);
      },
    });
    const call = start(transport, clientStream);
    const sent = tally();
    const sending = (async () => {
      for (let n = 0; n < 5; n++) await send(call, n).then(() => sent.add());
      call.halfClose();
    })();
    await sent.reached(1);
    for (let turn = 0; turn < 100; turn++) await Promise.resolve();
    expect(sent.count).toBe(1);
    release.open();
    await sending;
    expect(await receiveAll(call)).toEqual([5]);
  });

  it("gives messages and errors as they travel on a wire", async () => {
    const transport = transportTo({
      async *serverStream() {
        yield item(1);
        throw new ServiceError("CORRUPT_DATA", "block 7 is damaged", { metadata: { offset: 7 } });
      },
    });
    const call = start(transport, serverStream);
    await send(call, 0);
    expect(await receiveAll(call)).toEqual([1]);
    const status = await call.status;
    expect(status).toMatchObject({ code: StatusCode.DATA_LOSS, message: "block 7 is damaged", origin: "server" });
    expect(detailsOf(status)).toMatchObject({ reason: "CORRUPT_DATA", metadata: { offset: "7" } });
  });

  it("hides what a handler did not mean to tell", async () => {
    const transport = transportTo({ unary: () => Promise.reject(new Error("secret path")) });
    const call = start(transport, unary);
    await send(call, 0);
    const status = await call.status;
    expect(status).toMatchObject({ code: StatusCode.INTERNAL, message: "internal error" });
    expect(detailsOf(status).reason).toBe("INTERNAL");
    expect(JSON.stringify(status)).not.toContain("secret");
  });

  it("answers malformed requests and unknown methods as the server does", async () => {
    const transport = transportTo({ unary: () => Promise.resolve(item(0)) });
    const malformed = start(transport, unary);
    await malformed.send(Buffer.of(0x12, 200));
    expect(detailsOf(await malformed.status).reason).toBe("MALFORMED_MESSAGE");
    const unknown = transport.start({ path: "/nobody/Nothing", headers: {} });
    expect((await unknown.status).code).toBe(StatusCode.UNIMPLEMENTED);
  });

  it("tells the handler when the client cancels, and settles the client's waits at once", async () => {
    const stopped = latch<unknown>();
    const done = latch();
    const transport = transportTo({
      async clientStream(requests, context) {
        context.done.addEventListener("abort", () => done.open());
        try {
          for await (const _ of requests);
          return item(0);
        } catch (error) {
          stopped.open(error);
          throw error;
        }
      },
    });
    const call = start(transport, clientStream);
    await send(call, 1);
    const pending = call.receive();
    call.cancel("changed my mind");
    expect(await pending).toBeUndefined();
    expect(await call.status).toMatchObject({ code: StatusCode.CANCELLED, origin: "client" });
    expect(String(await stopped.promise)).toContain("changed my mind");
    await done.promise;
  });

  it("ends a call at its deadline on both sides", async () => {
    const clock = new VirtualClock();
    const entered = latch();
    const stopped = latch();
    const transport = transportTo(
      {
        unary: (_request, { signal }) =>
          new Promise((_resolve, reject) => {
            entered.open();
            signal.addEventListener("abort", () => {
              stopped.open();
              reject(signal.reason as Error);
            });
          }),
      },
      clock,
    );
    const call = start(transport, unary, clock.now() + 50);
    await send(call, 0);
    await entered.promise;
    await clock.advance(50);
    expect((await call.status).code).toBe(StatusCode.DEADLINE_EXCEEDED);
    await stopped.promise;
    expect(clock.pending).toBe(0);
  });

  it("gives the timer of a deadline back when the call ends before", async () => {
    const clock = new VirtualClock();
    const transport = transportTo({ unary: () => Promise.resolve(item(0)) }, clock);
    const call = start(transport, unary, clock.now() + 50);
    await send(call, 0);
    await receiveAll(call);
    await call.status;
    expect(clock.pending).toBe(0);
  });

  it("ends streams with their resume token when it drains, lets unary calls finish, and serves again", async () => {
    const release = latch();
    const transport = transportTo({
      unary: ({ n }) => release.promise.then(() => item(n)),
      async *serverStream(_request, context) {
        context.resumeFrom(() => "after-1");
        yield item(1);
        await new Promise<void>((resolve) => context.signal.addEventListener("abort", () => resolve()));
        context.signal.throwIfAborted();
      },
    });
    const stream = start(transport, serverStream);
    const single = start(transport, unary);
    await send(stream, 0);
    await send(single, 4);
    await stream.receive();
    const drained = transport.drain();
    expect(await stream.receive()).toBeUndefined();
    expect(detailsOf(await stream.status)).toMatchObject({ reason: "DRAINING", metadata: { resume_token: "after-1" } });
    expect(detailsOf(await start(transport, unary).status).reason).toBe("DRAINING");
    release.open();
    await drained;
    expect(await receiveAll(single)).toEqual([4]);
    transport.restart();
    const again = start(transport, unary);
    await send(again, 5);
    expect(await receiveAll(again)).toEqual([5]);
  });

  it("loses every call with the connection and the handlers learn it", async () => {
    const stopped = latch<unknown>();
    const transport = transportTo({
      async *duplex(requests, context) {
        try {
          for await (const request of requests) yield request;
        } finally {
          stopped.open(context.signal.aborted);
        }
      },
    });
    const states: string[] = [];
    const unlisten = transport.onStateChange((state) => states.push(state));
    const call = start(transport, duplex);
    await send(call, 1);
    expect(await call.receive()).toBeDefined();
    transport.disconnect();
    expect(await call.status).toMatchObject({ code: StatusCode.UNAVAILABLE, origin: "transport" });
    expect(await stopped.promise).toBe(true);
    await transport.stop();
    expect(transport.liveCalls).toBe(0);
    expect(states).toEqual(["ready", "idle"]);
    unlisten();
    await transport.close();
    expect(transport.state).toBe("closed");
    expect(states).toEqual(["ready", "idle"]);
  });
});
