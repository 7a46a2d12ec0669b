import assert from "node:assert/strict";
import { getEventListeners } from "node:events";

import { StatusCode } from "@millrace/shared-types";

import { eventually } from "../../eventually.js";
import { within } from "../../within.js";
import { callOther } from "../call-other.js";
import { beginCall } from "../contract-call.js";
import { handlersOf, ServerProbe } from "../contract-script.js";
import { item, take } from "../items.js";
import type { Scenario } from "../scenario.js";
import { assertCancelledAtServer, stuckAfter, withStuckCall } from "../stuck-call.js";
import { untilNothingLives } from "../until-nothing-lives.js";

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

/** grpc-js loses a cancel that comes while a call is on its way to the connection. */
const abortedAtOnce: Scenario = {
  name: "abort in the same tick in which the call begins: no handler goes on",
  notFor: {},
  async run(kind, harness) {
    await using stage = await harness.open(handlersOf(kind, stuckAfter(1, kind)));
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

/** The client's signal ends the call. */
export const ABORTING: readonly Scenario[] = [abortedBefore, abortedAtOnce, abortedFirst, abortedMiddle];
