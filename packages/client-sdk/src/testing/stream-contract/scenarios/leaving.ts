import assert from "node:assert/strict";
import { getEventListeners } from "node:events";

import { StatusCode, type MethodKind } from "@millrace/shared-types";

import type { ServerStream } from "../../../rpc/streams.js";
import { eventually } from "../../eventually.js";
import { latch } from "../../latch.js";
import { tally } from "../../tally.js";
import { within } from "../../within.js";
import { beginCall, receivesMany, sendsMany, type ContractCall } from "../contract-call.js";
import { handlersOf, ServerProbe, untilAborted, type ContractScript } from "../contract-script.js";
import type { ContractItem } from "../contract-service.js";
import type { ContractHarness, ContractStage } from "../harness.js";
import { untilNothingLives } from "../until-nothing-lives.js";
import { item, items, take, thenWait, watched, type WatchedSource } from "../items.js";
import type { Scenario } from "../scenario.js";

const NO_LOOP = {
  unary: "a promise has no loop to leave; its caller aborts a signal",
  "client-streaming": "a promise has no loop to leave; its caller aborts a signal",
} as const;

/** Takes `count` requests, gives `count` responses where there can be several, and then waits for its signal. */
function stuckAfter(count: number, kind: MethodKind, progress = tally()): ContractScript {
  return async function* (requests, { signal }) {
    const source = requests[Symbol.asyncIterator]();
    await take(source, sendsMany(kind) ? count : 1);
    if (receivesMany(kind)) yield* items(0, count);
    progress.add();
    await untilAborted(signal);
  };
}

/** A call that has got as far as `stuckAfter` goes, with more requests that never come. */
interface StuckCall {
  readonly stage: ContractStage;
  readonly probe: ServerProbe;
  readonly call: ContractCall;
  readonly responses: AsyncIterator<ContractItem>;
  readonly requests: WatchedSource;
}

async function withStuckCall(
  kind: MethodKind,
  harness: ContractHarness,
  options: { readonly count: number; readonly signal?: AbortSignal },
  act: (stuck: StuckCall) => Promise<void>,
): Promise<void> {
  const { count, signal } = options;
  const probe = new ServerProbe();
  const progress = tally();
  await using stage = await harness.open(handlersOf(kind, probe.watch(stuckAfter(count, kind, progress))));
  const released = latch();
  const requests = watched(thenWait(items(0, count), released.promise));
  const call = beginCall(kind, stage.client, sendsMany(kind) ? requests : [item(0)], signal && { signal });
  const responses = call.responses[Symbol.asyncIterator]();
  if (receivesMany(kind)) await take(responses, count);
  await within(progress.reached(1), "the handler gets as far as it should");
  await act({ stage, probe, call, responses, requests });
  // A source that waits cannot be interrupted; what it waited for comes late, and then it must close.
  released.open();
  if (sendsMany(kind)) await within(requests.closed.reached(1), "the requests are closed");
}

async function assertCancelledAtServer(probe: ServerProbe): Promise<void> {
  const reason = await probe.ended();
  assert.ok(reason instanceof Error, "the handler's signal aborts with an error");
}

const breaks: Scenario = {
  name: "client breaks: the loop ends silently, the handler is stopped",
  notFor: NO_LOOP,
  async run(kind, harness) {
    const probe = new ServerProbe();
    const script = probe.watch(async function* () {
      for (let n = 0; ; n++) yield item(n);
    });
    await using stage = await harness.open(handlersOf(kind, script));
    const stream = beginCall(kind, stage.client, [item(0)]).stream as ServerStream<ContractItem>;
    for await (const { n } of stream) if (n === 3) break;
    assert.deepEqual(await within(stream.closed, "the stream is closed"), { type: "cancelled" });
    await assertCancelledAtServer(probe);
  },
};

/** Ways to leave while a `next()` waits for a message that never comes. */
const WAYS_OUT: Readonly<
  Record<string, (stuck: StuckCall & { readonly stream: ServerStream<ContractItem> }) => unknown>
> = {
  "return()": ({ responses }) => responses.return?.(),
  "cancel()": ({ stream }) => stream.cancel(),
  dispose: ({ stream }) => stream[Symbol.asyncDispose](),
};

const leavesWhileWaiting = Object.entries(WAYS_OUT).map(([way, leave]): Scenario => ({
  name: `client leaves by ${way} with a next() pending: it settles at once, without an error`,
  notFor: NO_LOOP,
  run: (kind, harness) =>
    withStuckCall(kind, harness, { count: 2 }, async (stuck) => {
      const stream = stuck.call.stream as ServerStream<ContractItem>;
      const pending = stuck.responses.next();
      await leave({ ...stuck, stream });
      assert.deepEqual(await within(pending, "the pending next() settles"), { done: true, value: undefined });
      assert.deepEqual(await within(stream.closed, "the stream is closed"), { type: "cancelled" });
      assert.equal((await stuck.responses.next()).done, true);
      await assertCancelledAtServer(stuck.probe);
    }),
}));

async function assertAborted(work: Promise<unknown>, cause: unknown): Promise<void> {
  await assert.rejects(within(work, "the aborted call rejects"), (error: Error & { code: number; origin: string }) => {
    assert.equal(error.name, "AbortError");
    assert.equal(error.code, StatusCode.CANCELLED);
    assert.equal(error.origin, "client");
    assert.equal(error.cause, cause, "the signal's reason is the cause");
    return true;
  });
}

const abortedBefore: Scenario = {
  name: "abort before the call begins: it never reaches the server",
  notFor: {},
  async run(kind, harness) {
    const probe = new ServerProbe();
    const script = probe.watch(stuckAfter(1, kind));
    await using stage = await harness.open(handlersOf(kind, script));
    const cause = new Error("too late");
    const signal = AbortSignal.abort(cause);
    const call = beginCall(kind, stage.client, [item(0)], { signal });
    await assertAborted(take(call.responses[Symbol.asyncIterator]()), cause);
    assert.equal(getEventListeners(signal, "abort").length, 0, "no listener is left");
    // A call that had begun would have come before this one.
    await callOther(kind, stage);
    assert.equal(probe.calls.length, 0);
  },
};

/** A round trip on the same connection, by a call that the script does not serve. */
async function callOther(kind: MethodKind, { client }: ContractStage): Promise<void> {
  await (kind === "unary" ? client.clientStream([item(1)]) : client.unary({ n: 1 }));
}

/** grpc-js loses a cancel that comes while a call is on its way to the connection. */
const abortedAtOnce: Scenario = {
  name: "abort in the same tick in which the call begins: no handler goes on",
  notFor: {},
  async run(kind, harness) {
    const script: ContractScript = stuckAfter(1, kind);
    await using stage = await harness.open(handlersOf(kind, script));
    await callOther(kind, stage);
    const before = stage.live();
    const cause = new Error("never mind");
    for (let n = 0; n < 5; n++) {
      const abort = new AbortController();
      const call = beginCall(kind, stage.client, [item(0)], { signal: abort.signal });
      abort.abort(cause);
      await assertAborted(take(call.responses[Symbol.asyncIterator]()), cause);
    }
    // Calls that came through nevertheless have come by now.
    await callOther(kind, stage);
    await untilNothingLives(stage, before);
  },
};

const abortedFirst: Scenario = {
  name: "abort before the first item",
  notFor: {},
  async run(kind, harness) {
    const abort = new AbortController();
    await withStuckCall(kind, harness, { count: 0, signal: abort.signal }, async ({ probe, responses }) => {
      const pending = take(responses, 1);
      const cause = new Error("changed my mind");
      abort.abort(cause);
      await assertAborted(pending, cause);
      await assertCancelledAtServer(probe);
      await eventually(() => assert.equal(getEventListeners(abort.signal, "abort").length, 0, "no listener is left"));
    });
  },
};

const abortedMiddle: Scenario = {
  name: "abort in the middle",
  notFor: { unary: "nothing lies between the request and the response: see abort before the first item" },
  async run(kind, harness) {
    const abort = new AbortController();
    await withStuckCall(kind, harness, { count: 3, signal: abort.signal }, async ({ probe, responses, call }) => {
      const cause = new Error("enough");
      const pending = take(responses, 1);
      abort.abort(cause);
      await assertAborted(pending, cause);
      if (call.stream !== undefined) assert.equal((await call.stream.closed).type, "failed");
      await assertCancelledAtServer(probe);
      await eventually(() => assert.equal(getEventListeners(abort.signal, "abort").length, 0, "no listener is left"));
    });
  },
};

const requestsThrow: Scenario = {
  name: "request iterable throws: the caller gets that error, the server no end that looks like one",
  notFor: {
    unary: "there is no iterable of requests",
    "server-streaming": "there is no iterable of requests",
  },
  async run(kind, harness) {
    const probe = new ServerProbe();
    let sawEnd = false;
    const script = probe.watch(async function* (requests) {
      for await (const request of requests) void request;
      sawEnd = true;
      yield item(0);
    });
    await using stage = await harness.open(handlersOf(kind, script));
    const failure = new Error("cannot read the source");
    async function* failing(): AsyncGenerator<ContractItem> {
      yield* items(0, 3);
      await probe.call();
      throw failure;
    }
    const call = beginCall(kind, stage.client, failing());
    const received = take(call.responses[Symbol.asyncIterator]());
    received.catch(() => undefined);
    await assert.rejects(within(call.sent, "the requests end"), (error) => error === failure);
    await assert.rejects(received, (error) => error === failure);
    await assertCancelledAtServer(probe);
    assert.equal(sawEnd, false, "the server took a cut for an end");
  },
};

/** The client ends the call. */
export const LEAVING: readonly Scenario[] = [
  breaks,
  ...leavesWhileWaiting,
  abortedBefore,
  abortedAtOnce,
  abortedFirst,
  abortedMiddle,
  requestsThrow,
];
