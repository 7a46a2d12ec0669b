import assert from "node:assert/strict";

import { StatusCode } from "@millrace/shared-types";

import { latch } from "../../latch.js";
import { VirtualClock } from "../../virtual-clock.js";
import { within } from "../../within.js";
import { beginCall, receivesMany } from "../contract-call.js";
import { handlersOf, ServerProbe, unlessAborted, untilAborted } from "../contract-script.js";
import { item, items, take, thenWait, watched } from "../items.js";
import type { Scenario } from "../scenario.js";

const deadline: Scenario = {
  name: "deadline: both ends stop, items before it arrive",
  notFor: {},
  async run(kind, harness) {
    // A machine that is too busy to begin the call in time gets twice the time.
    for (let timeoutMs = 60; ; timeoutMs *= 2) {
      const probe = new ServerProbe();
      const script = probe.watch(async function* (_requests, { signal }) {
        if (receivesMany(kind)) yield* items(0, 2);
        await untilAborted(signal);
      });
      await using stage = await harness.open(handlersOf(kind, script));
      const responses = beginCall(kind, stage.client, [item(0)], { timeoutMs }).responses[Symbol.asyncIterator]();
      const taken = receivesMany(kind) ? take(responses, 2) : Promise.resolve([]);
      const inTime = await taken.then(
        () => true,
        () => false,
      );
      const rest = inTime ? take(responses) : taken;
      await assert.rejects(within(rest, "the call ends at its deadline"), { code: StatusCode.DEADLINE_EXCEEDED });
      if (!inTime || probe.calls.length === 0) continue;
      assert.ok((await probe.ended()) instanceof Error, "the handler's signal aborts");
      assert.ok((await probe.call()).context.deadline instanceof Date, "the handler knows the deadline");
      return;
    }
  },
};

const IDLE_MS = 5_000;

const clientIdle: Scenario = {
  name: "idle timeout of the client: a stream that falls silent ends, one that does not goes on",
  notFor: {
    unary: "one message is awaited: `timeoutMs` bounds that",
    "client-streaming": "one message is awaited: `timeoutMs` bounds that",
  },
  async run(kind, harness) {
    const clientClock = new VirtualClock();
    const probe = new ServerProbe();
    const more = latch();
    const script = probe.watch(async function* (_requests, { signal }) {
      yield item(0);
      await unlessAborted(more.promise, signal);
      yield item(1);
      await untilAborted(signal);
    });
    await using stage = await harness.open(handlersOf(kind, script), { clientClock });
    const call = beginCall(kind, stage.client, [item(0)], { idleTimeoutMs: IDLE_MS });
    const responses = call.responses[Symbol.asyncIterator]();
    await take(responses, 1);
    const second = take(responses, 1);
    await within(clientClock.untilPending(1), "the wait is measured");
    await clientClock.advance(IDLE_MS - 1);
    more.open();
    assert.equal((await second)[0]?.n, 1, "silence shorter than the timeout is none");
    const third = take(responses, 1);
    third.catch(() => undefined);
    await within(clientClock.untilPending(1), "the wait is measured again");
    await clientClock.advance(IDLE_MS);
    await assert.rejects(within(third, "the silent stream ends"), {
      kind: "idle-timeout",
      code: StatusCode.DEADLINE_EXCEEDED,
      origin: "client",
    });
    assert.ok((await probe.ended()) instanceof Error, "the handler's signal aborts");
    assert.equal(clientClock.pending, 0, "no timer is left");
  },
};

const serverIdle: Scenario = {
  name: "idle timeout of the server: a client that falls silent is told so",
  notFor: {
    unary: "the server waits for the one request before it begins",
    "server-streaming": "the server waits for the one request before it begins",
  },
  async run(kind, harness) {
    const serverClock = new VirtualClock();
    const probe = new ServerProbe();
    const asked = latch();
    const script = probe.watch(async function* (requests) {
      const source = requests[Symbol.asyncIterator]();
      await take(source, 2);
      const third = source.next();
      asked.open();
      await third;
      yield item(0);
    });
    await using stage = await harness.open(handlersOf(kind, script), { serverClock, serverIdleMs: IDLE_MS });
    const silence = latch();
    const requests = watched(thenWait(items(0, 2), silence.promise));
    const call = beginCall(kind, stage.client, requests);
    const responses = take(call.responses[Symbol.asyncIterator]());
    responses.catch(() => undefined);
    await within(asked.promise, "the handler asks for the third request");
    await serverClock.advance(IDLE_MS);
    await assert.rejects(within(responses, "the silent call ends"), {
      code: StatusCode.DEADLINE_EXCEEDED,
      reason: "STREAM_IDLE",
      origin: "server",
    });
    const reason = await probe.ended();
    assert.equal((reason as { reason?: string }).reason, "STREAM_IDLE", "the handler is told the same");
    silence.open();
    await within(requests.closed.reached(1), "the requests are closed");
  },
};

/** Time ends the call. */
export const TIME: readonly Scenario[] = [deadline, clientIdle, serverIdle];
