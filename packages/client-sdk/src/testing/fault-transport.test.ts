import { describe, expect, it } from "@jest/globals";
import { decodeMessage, encodeMessage, methodPath, StatusCode, type MethodDefinition } from "@millrace/shared-types";

import type { Transport, TransportCall } from "../rpc/transport.js";
import { randomFaults, type FaultPlan, type FaultPlanner } from "./fault-plan.js";
import { faulty, type FaultControls } from "./fault-transport.js";
import { createInMemoryTransport } from "./in-memory-transport.js";
import { latch } from "./latch.js";
import { ContractItem, ContractService } from "./stream-contract/contract-service.js";
import { tally } from "./tally.js";
import { VirtualClock } from "./virtual-clock.js";

const { unary, serverStream, duplex } = ContractService.methods;
const item = (n: number): ContractItem => ContractItem.fromPartial({ n });

/** What the server saw. */
const served = { unary: tally(), stopped: tally() };

const inner = (): Transport =>
  createInMemoryTransport((serve) =>
    serve(ContractService, {
      unary({ n }) {
        served.unary.add();
        return Promise.resolve(item(n));
      },
      async *serverStream({ n }) {
        try {
          for (let next = 0; next < n; next++) yield item(next);
        } finally {
          served.stopped.add();
        }
      },
      clientStream: () => Promise.resolve(item(0)),
      async *duplex(requests) {
        yield* requests;
      },
    }),
  );

function start(transport: Transport, method: MethodDefinition): TransportCall {
  return transport.start({ path: methodPath(ContractService, method), headers: {} });
}

const send = (call: TransportCall, n: number): Promise<void> => call.send(encodeMessage(ContractItem, item(n)));

async function receiveAll(call: TransportCall): Promise<number[]> {
  const received: number[] = [];
  for (let message = await call.receive(); message; message = await call.receive()) {
    received.push(decodeMessage(ContractItem, message).n);
  }
  return received;
}

async function stream(
  plan: FaultPlan | FaultPlanner,
  count: number,
): Promise<{ call: TransportCall; transport: Transport & FaultControls }> {
  const transport = faulty(inner(), plan);
  const call = start(transport, serverStream);
  await send(call, count);
  call.halfClose();
  return { call, transport };
}

describe("the fault transport", () => {
  it("changes nothing without a plan", async () => {
    const { call, transport } = await stream({}, 5);
    expect(await receiveAll(call)).toEqual([0, 1, 2, 3, 4]);
    expect((await call.status).code).toBe(StatusCode.OK);
    expect(transport.faults).toBe(0);
  });

  it("cuts a call after as many messages as planned, on both sides", async () => {
    const stoppedBefore = served.stopped.count;
    const { call, transport } = await stream({ cutAfter: { messages: 4 } }, 10);
    expect(await receiveAll(call)).toEqual([0, 1, 2]);
    expect(await call.status).toMatchObject({ code: StatusCode.UNAVAILABLE, origin: "transport" });
    expect(transport.faults).toBe(1);
    await served.stopped.reached(stoppedBefore + 1);
  });

  it("cuts a call after as many bytes as planned", async () => {
    // A request of 2 bytes; the response with n = 0 has none, the others 2.
    const { call } = await stream({ cutAfter: { bytes: 6 } }, 10);
    expect(await receiveAll(call)).toEqual([0, 1, 2]);
  });

  it("ends lost calls with the status that is wanted", async () => {
    const plan = { cutAfter: { messages: 2 }, status: { code: StatusCode.CANCELLED, message: "drained away" } };
    const { call } = await stream(plan, 10);
    expect(await receiveAll(call)).toEqual([0]);
    expect(await call.status).toMatchObject({
      code: StatusCode.CANCELLED,
      message: "drained away",
      origin: "transport",
    });
  });

  it("loses an answer that the server has given", async () => {
    const before = served.unary.count;
    const transport = faulty(inner(), { dropAck: true });
    const call = start(transport, unary);
    await send(call, 1);
    expect(await receiveAll(call)).toEqual([]);
    expect((await call.status).code).toBe(StatusCode.UNAVAILABLE);
    expect(served.unary.count).toBe(before + 1);
  });

  it("refuses calls as planned, and only those", async () => {
    const transport = faulty(inner(), ({ index }) => (index === 0 ? { refuse: true } : undefined));
    const before = served.unary.count;
    const refused = start(transport, unary);
    await send(refused, 1);
    expect((await refused.status).code).toBe(StatusCode.UNAVAILABLE);
    expect(served.unary.count).toBe(before);
    const call = start(transport, unary);
    await send(call, 2);
    expect(await receiveAll(call)).toEqual([2]);
  });

  it("is a black hole while stalled, and loses nothing afterwards", async () => {
    const { call, transport } = await stream({ stallAfter: { messages: 3 } }, 5);
    expect(await call.receive()).toBeDefined();
    expect(await call.receive()).toBeDefined();
    const third = latch<Uint8Array | undefined>();
    void call.receive().then(third.open);
    for (let turn = 0; turn < 100; turn++) await Promise.resolve();
    expect(third.isOpen).toBe(false);
    transport.resume();
    expect(decodeMessage(ContractItem, (await third.promise) as Uint8Array).n).toBe(2);
    expect(await receiveAll(call)).toEqual([3, 4]);
    expect((await call.status).code).toBe(StatusCode.OK);
  });

  it("lets the client out of a black hole by cancel", async () => {
    const { call } = await stream({ stallAfter: { messages: 1 } }, 5);
    const pending = call.receive();
    call.cancel("enough");
    expect(await pending).toBeUndefined();
    expect(await call.status).toMatchObject({ code: StatusCode.CANCELLED, origin: "client" });
    expect(await call.headers).toEqual({});
  });

  it("delays responses by the clock", async () => {
    const clock = new VirtualClock();
    const transport = faulty(inner(), { delayMs: 40 }, { clock });
    const call = start(transport, unary);
    await send(call, 3);
    const received = receiveAll(call);
    await clock.untilPending(1);
    expect(clock.delays).toEqual([40]);
    await clock.advance(40);
    expect(await received).toEqual([3]);
    expect((await call.status).code).toBe(StatusCode.OK);
    expect(clock.pending).toBe(0);
  });

  it("loses all calls at will, and refuses new ones until told otherwise", async () => {
    const transport = faulty(inner());
    const calls = [start(transport, duplex), start(transport, duplex)];
    for (const call of calls) await send(call, 1);
    transport.refuse();
    transport.cut();
    for (const call of calls) expect((await call.status).origin).toBe("transport");
    expect((await start(transport, unary).status).code).toBe(StatusCode.UNAVAILABLE);
    transport.accept();
    const call = start(transport, unary);
    await send(call, 9);
    expect(await receiveAll(call)).toEqual([9]);
    expect(transport.started).toBe(4);
  });

  it("plans random faults that repeat with their seed", () => {
    const plans = (seed: number): (FaultPlan | undefined)[] => {
      const planner = randomFaults(seed, { maxMessages: 5 });
      return Array.from({ length: 200 }, (_, index) => planner({ path: "/a/B", index }));
    };
    expect(plans(3)).toEqual(plans(3));
    expect(plans(3)).not.toEqual(plans(4));
    const planned = plans(3);
    expect(planned).toContain(undefined);
    expect(planned).toContainEqual({ refuse: true });
    expect(planned).toContainEqual({ dropAck: true });
    for (let messages = 0; messages <= 5; messages++) expect(planned).toContainEqual({ cutAfter: { messages } });
  });
});
