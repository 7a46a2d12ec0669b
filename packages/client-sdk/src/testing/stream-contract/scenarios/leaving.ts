import assert from "node:assert/strict";

import type { ServerStream } from "../../../rpc/streams.js";
import { within } from "../../within.js";
import { beginCall } from "../contract-call.js";
import { handlersOf, ServerProbe } from "../contract-script.js";
import type { ContractItem } from "../contract-service.js";
import { item, items, take } from "../items.js";
import type { Scenario } from "../scenario.js";
import { assertCancelledAtServer, withStuckCall, type StuckCall } from "../stuck-call.js";

const NO_LOOP = {
  unary: "a promise has no loop to leave; its caller aborts a signal",
  "client-streaming": "a promise has no loop to leave; its caller aborts a signal",
} as const;

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

/** The client leaves the call without a word. */
export const LEAVING: readonly Scenario[] = [breaks, ...leavesWhileWaiting, requestsThrow];
