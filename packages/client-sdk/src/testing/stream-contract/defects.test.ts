import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { StatusCode, type MethodKind } from "@millrace/shared-types";

import type { Transport, TransportCall } from "../../rpc/transport.js";
import { watchdog } from "../within.js";
import { runScenario, STREAM_CONTRACT } from "./describe-stream-contract.js";
import { createInMemoryHarness } from "./in-memory-harness.js";
import type { Scenario } from "./scenario.js";

/** A transport all of whose calls have a defect. */
function withDefect(defect: (call: TransportCall) => Partial<TransportCall>): (transport: Transport) => Transport {
  return (transport) => ({
    target: transport.target,
    state: transport.state,
    connect: (signal) => transport.connect(signal),
    onStateChange: (listener) => transport.onStateChange(listener),
    close: () => transport.close(),
    start(start) {
      const call = transport.start(start);
      return {
        headers: call.headers,
        status: call.status,
        peer: () => call.peer(),
        send: (message) => call.send(message),
        halfClose: () => call.halfClose(),
        receive: () => call.receive(),
        cancel: (reason) => call.cancel(reason),
        ...defect(call),
      };
    },
  });
}

/** Takes everything from the server at once and keeps it. */
function readsAhead(call: TransportCall): Partial<TransportCall> {
  const kept: Promise<Uint8Array | undefined>[] = [];
  const readOn = (): void => {
    const message = call.receive();
    kept.push(message);
    void message.then((bytes) => bytes !== undefined && readOn());
  };
  readOn();
  return { receive: () => kept.shift() ?? call.receive() };
}

/** Says that a message was accepted before it was. */
function sendsAhead(call: TransportCall): Partial<TransportCall> {
  let last: Promise<void> = Promise.resolve();
  return {
    send(message) {
      last = last.then(() => call.send(message));
      return Promise.resolve();
    },
    halfClose: () => void last.then(() => call.halfClose()),
  };
}

/** Ends a call for the client alone. */
function cancelsAlone(call: TransportCall): Partial<TransportCall> {
  let cancel: (reason: string) => void = () => {};
  const cancelled = new Promise<string>((resolve) => (cancel = resolve));
  const status = cancelled.then((message) => ({
    code: StatusCode.CANCELLED,
    message,
    trailers: {},
    origin: "client" as const,
  }));
  return {
    cancel,
    receive: () => Promise.race([call.receive(), cancelled.then(() => undefined)]),
    status: Promise.race([call.status, status]),
  };
}

/** Gives the fourth message twice. */
function repeats(call: TransportCall): Partial<TransportCall> {
  let count = 0;
  let again: Uint8Array | undefined;
  return {
    async receive() {
      const message = again ?? (await call.receive());
      again = ++count === 4 ? message : undefined;
      return message;
    },
  };
}

/** Takes the loss of the connection for the end of the call. */
const calmsDown = (call: TransportCall): Partial<TransportCall> => ({
  status: call.status.then((status) =>
    status.origin === "transport" ? { ...status, code: StatusCode.OK, origin: "server" } : status,
  ),
});

/** Loses what the server says about an error. */
const forgetsDetails = (call: TransportCall): Partial<TransportCall> => ({
  status: call.status.then((status) => ({ ...status, trailers: {} })),
});

/** Never says that there are no more requests. */
const staysOpen = (): Partial<TransportCall> => ({ halfClose: () => {} });

function scenarioNamed(start: string): Scenario {
  const scenario = STREAM_CONTRACT.find(({ name }) => name.startsWith(start));
  if (scenario === undefined) throw new Error(`no scenario "${start}…"`);
  return scenario;
}

describe("the stream contract finds", () => {
  const { timeoutMs } = watchdog;
  beforeAll(() => {
    watchdog.timeoutMs = 500;
  });
  afterAll(() => {
    watchdog.timeoutMs = timeoutMs;
  });

  const DEFECTS: readonly [string, (call: TransportCall) => Partial<TransportCall>, MethodKind, string, RegExp][] = [
    ["a client that reads ahead without bound", readsAhead, "server-streaming", "slow reader", /never held/],
    ["a client that sends ahead without bound", sendsAhead, "client-streaming", "slow reader", /never held/],
    ["a break that the server does not hear of", cancelsAlone, "server-streaming", "client breaks", /finally runs/],
    [
      "an abort that the server does not hear of",
      cancelsAlone,
      "bidi-streaming",
      "abort in the middle",
      /finally runs/,
    ],
    ["handlers that are left behind", cancelsAlone, "unary", "abort in the same tick", /something is left/],
    ["a message that comes twice", repeats, "server-streaming", "delivers in order", /arrived at the client/],
    ["a lost connection that looks like success", calmsDown, "bidi-streaming", "peer killed", /should have failed/],
    ["details that get lost", forgetsDetails, "client-streaming", "server error", /CHECKSUM_MISMATCH/],
    ["a resume token that gets lost", forgetsDetails, "bidi-streaming", "graceful drain", /DRAINING/],
    [
      "an end of requests that gets lost",
      staysOpen,
      "client-streaming",
      "an empty stream",
      /the call ends: did not happen/,
    ],
  ];

  it.each(DEFECTS)("%s", async (_what, defect, kind, start, complaint) => {
    const harness = createInMemoryHarness("broken", withDefect(defect));
    const scenario = scenarioNamed(start);
    await expect(runScenario(scenario, kind, harness)).rejects.toThrow(complaint);
  });
});
