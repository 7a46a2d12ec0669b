import assert from "node:assert/strict";

import { StatusCode, type MethodKind, type ServiceError } from "@millrace/shared-types";

import type { StreamingError } from "../../../errors.js";
import { eventually } from "../../eventually.js";
import { latch } from "../../latch.js";
import { within } from "../../within.js";
import { beginCall, receivesMany, sendsMany } from "../contract-call.js";
import { handlersOf, ServerProbe, unlessAborted } from "../contract-script.js";
import type { ContractHarness } from "../harness.js";
import { item, items, places, placesOf, take, thenWait } from "../items.js";
import { rejectionOf } from "../rejection-of.js";
import { resumableScript, STREAM_LENGTH } from "../resumable-script.js";
import type { Scenario } from "../scenario.js";

/** Items that have gone through when the drain begins. */
const DRAIN_AT = 3;

async function drainStream(kind: MethodKind, harness: ContractHarness): Promise<void> {
  const probe = new ServerProbe();
  const { script, kept } = resumableScript(kind, [DRAIN_AT - 1]);
  await using stage = await harness.open(handlersOf(kind, probe.watch(script)));
  const silence = latch();
  const requests = thenWait(items(0, DRAIN_AT), silence.promise);
  const call = beginCall(kind, stage.client, sendsMany(kind) ? requests : [item(0)]);
  const responses = call.responses[Symbol.asyncIterator]();
  const received = receivesMany(kind) ? await take(responses, DRAIN_AT) : [];
  if (sendsMany(kind)) await eventually(() => assert.equal(kept.length, DRAIN_AT));

  const failing = rejectionOf(take(responses));
  await within(stage.drain(), "the drain comes to an end");
  const failure = await within(failing, "the client learns of the drain");
  silence.open();
  assertDraining(failure);
  assertDraining(await probe.ended());

  await stage.restart();
  const token = Number(failure.details.metadata["resume_token"]);
  assert.equal(token, DRAIN_AT, "the error says where to go on");
  const second = beginCall(kind, stage.client, sendsMany(kind) ? items(token, STREAM_LENGTH) : [item(token)]);
  const rest = await within(take(second.responses[Symbol.asyncIterator]()), "the second call succeeds");
  const whole = places(0, STREAM_LENGTH);
  if (receivesMany(kind)) assert.deepEqual(placesOf([...received, ...rest]), whole, "no gap and no repeat");
  if (sendsMany(kind)) assert.deepEqual(kept, whole, "the server kept each request once");
}

/** Both ends are told the same. */
function assertDraining(error: unknown): void {
  assert.equal((error as ServiceError | StreamingError).code, StatusCode.UNAVAILABLE);
  assert.equal((error as ServiceError | StreamingError).reason, "DRAINING");
}

async function drainUnary(harness: ContractHarness): Promise<void> {
  const probe = new ServerProbe();
  const release = latch();
  const script = probe.watch(async function* (_requests, { signal }) {
    await unlessAborted(release.promise, signal);
    yield item(7);
  });
  await using stage = await harness.open(handlersOf("unary", script));
  const running = stage.client.unary({});
  await probe.call();
  const drained = stage.drain();
  const refused = await rejectionOf(stage.client.clientStream([item(0)]));
  assert.equal(refused.code, StatusCode.UNAVAILABLE);
  assert.equal(refused.retryable, true);
  release.open();
  assert.equal((await within(running, "the call that was running finishes")).n, 7);
  assert.equal(await probe.ended(), undefined, "its handler was not aborted");
  await within(drained, "the drain comes to an end");
  await stage.restart();
  assert.equal((await stage.client.unary({})).n, 7, "the server that was started anew serves");
}

const gracefulDrain: Scenario = {
  name: "graceful drain: streams end with DRAINING and a resume token and go on after the restart, unary calls finish",
  notFor: {},
  run: (kind, harness) => (kind === "unary" ? drainUnary(harness) : drainStream(kind, harness)),
};

/** The server goes away with notice. */
export const DRAIN: readonly Scenario[] = [gracefulDrain];
