import assert from "node:assert/strict";

import { ServiceError, StatusCode, type MethodKind } from "@millrace/shared-types";

import type { StreamingError } from "../../../errors.js";
import { latch } from "../../latch.js";
import { tally } from "../../tally.js";
import { within } from "../../within.js";
import { beginCall, receivesMany, sendsMany } from "../contract-call.js";
import { handlersOf, ServerProbe, untilAborted } from "../contract-script.js";
import type { ContractHarness, ContractStage } from "../harness.js";
import { item, items, places, placesOf, take, thenWait, watched } from "../items.js";
import { rejectionOf } from "../rejection-of.js";
import type { Scenario } from "../scenario.js";

const COUNT = 3;

/** Fails in the middle of a call with `error` and gives what the client is told, all items before it seen. */
async function failureOf(kind: MethodKind, harness: ContractHarness, error: Error): Promise<StreamingError> {
  const probe = new ServerProbe();
  const script = probe.watch(async function* (requests) {
    await take(requests[Symbol.asyncIterator](), sendsMany(kind) ? COUNT : 1);
    if (receivesMany(kind)) yield* items(0, COUNT);
    throw error;
  });
  await using stage = await harness.open(handlersOf(kind, script));
  const silence = latch();
  const requests = watched(thenWait(items(0, COUNT), silence.promise));
  const call = beginCall(kind, stage.client, sendsMany(kind) ? requests : [item(0)]);
  const responses = call.responses[Symbol.asyncIterator]();
  if (receivesMany(kind)) assert.deepEqual(placesOf(await take(responses, COUNT)), places(0, COUNT));
  const failure = await within(rejectionOf(take(responses)), "the failure arrives");
  assert.equal(await probe.ended(), undefined, "the server failed by itself: nothing aborted its signal");
  silence.open();
  if (sendsMany(kind)) await within(requests.closed.reached(1), "the requests are closed");
  return failure;
}

const told: Scenario = {
  name: "server error in mid-stream: code, reason and details arrive, after the items before it",
  notFor: {},
  async run(kind, harness) {
    // Line breaks, text beyond ASCII and half a surrogate pair have ended processes.
    const message = "block 7\nis dämaged: ";
    const fieldViolations = [{ field: "spec.crc32c", description: "is 1, not 2" }];
    const metadata = { scope: "chunk", offset: 7, expected: "1", actual: "2" };
    const options = { metadata, retryAfterMs: 1_250, fieldViolations };
    const failure = await failureOf(kind, harness, new ServiceError("CHECKSUM_MISMATCH", `${message}\ud83d`, options));
    assert.equal(failure.code, StatusCode.INVALID_ARGUMENT);
    assert.equal(failure.reason, "CHECKSUM_MISMATCH");
    assert.equal(failure.domain, "streaming.v1");
    assert.equal(failure.origin, "server");
    assert.equal(failure.retryAfterMs, 1_250);
    assert.equal(failure.message, `${message}\ufffd`);
    assert.deepEqual({ ...failure.details.metadata }, { scope: "chunk", offset: "7", expected: "1", actual: "2" });
    assert.deepEqual(
      failure.details.badRequest?.map(({ field, description }) => ({ field, description })),
      fieldViolations,
    );
  },
};

const untold: Scenario = {
  name: "unforeseen server error: neutral, with an id, and nothing of the cause",
  notFor: {},
  async run(kind, harness) {
    const failure = await failureOf(kind, harness, new TypeError("cannot read /srv/secret"));
    assert.equal(failure.code, StatusCode.INTERNAL);
    assert.equal(failure.reason, "INTERNAL");
    assert.equal(failure.origin, "server");
    assert.ok((failure.details.metadata["error_id"] ?? "").length > 0, "an id to find it in the log");
    assert.ok(!JSON.stringify(failure).includes("secret"), "the cause stays at the server");
  },
};

/** Lets a call get to its middle, does something to the connection or the server, and gives what the client is told. */
async function failureAfter(
  kind: MethodKind,
  harness: ContractHarness,
  strike: (stage: ContractStage) => unknown,
): Promise<StreamingError> {
  const probe = new ServerProbe();
  const progress = tally();
  let sawEnd = false;
  const script = probe.watch(async function* (requests, { signal }) {
    const source = requests[Symbol.asyncIterator]();
    await take(source, sendsMany(kind) ? COUNT : 1);
    if (receivesMany(kind)) yield* items(0, COUNT);
    progress.add();
    if (!sendsMany(kind)) await untilAborted(signal);
    await source.next();
    sawEnd = true;
  });
  await using stage = await harness.open(handlersOf(kind, script));
  const silence = latch();
  const requests = watched(thenWait(items(0, COUNT), silence.promise));
  const call = beginCall(kind, stage.client, sendsMany(kind) ? requests : [item(0)]);
  const responses = call.responses[Symbol.asyncIterator]();
  if (receivesMany(kind)) assert.deepEqual(placesOf(await take(responses, COUNT)), places(0, COUNT));
  await within(progress.reached(1), "the call gets to its middle");
  const failing = rejectionOf(take(responses));
  await within(Promise.resolve(strike(stage)), "the server ends what it has to");
  const failure = await within(failing, "the client learns that its call is lost");
  assert.ok((await probe.ended()) instanceof Error, "the handler's signal aborts");
  assert.equal(sawEnd, false, "the server took a cut for the end of the requests");
  silence.open();
  if (sendsMany(kind)) await within(requests.closed.reached(1), "the requests are closed");
  return failure;
}

const peerKilled: Scenario = {
  name: "peer killed: both ends learn it, the client may try again",
  notFor: {},
  async run(kind, harness) {
    const failure = await failureAfter(kind, harness, (stage) => stage.cut());
    assert.equal(failure.code, StatusCode.UNAVAILABLE);
    assert.equal(failure.origin, "transport");
    assert.equal(failure.retryable, true);
  },
};

const forcedStop: Scenario = {
  name: "forced stop: the handler is aborted, the client may try again",
  notFor: {},
  async run(kind, harness) {
    const failure = await failureAfter(kind, harness, (stage) => stage.stop());
    assert.equal(failure.retryable, true, `${failure.codeName} ${failure.message}`);
    assert.notEqual(failure.origin, "client");
  },
};

/** The server or the connection ends the call. */
export const FAILING: readonly Scenario[] = [told, untold, peerKilled, forcedStop];
