import assert from "node:assert/strict";

import type { MethodKind } from "@millrace/shared-types";

import { latch } from "../latch.js";
import { tally, type Tally } from "../tally.js";
import { within } from "../within.js";
import { beginCall, receivesMany, sendsMany, type ContractCall } from "./contract-call.js";
import { handlersOf, ServerProbe, untilAborted, type ContractScript } from "./contract-script.js";
import type { ContractItem } from "./contract-service.js";
import type { ContractHarness, ContractStage } from "./harness.js";
import { item, items, take, thenWait, watched } from "./items.js";

/** Takes `count` requests, gives `count` responses where there can be several, and then waits for its signal. */
export function stuckAfter(count: number, kind: MethodKind, progress: Tally = tally()): ContractScript {
  return async function* (requests, { signal }) {
    const source = requests[Symbol.asyncIterator]();
    await take(source, sendsMany(kind) ? count : 1);
    if (receivesMany(kind)) yield* items(0, count);
    progress.add();
    await untilAborted(signal);
  };
}

/** A call that has got as far as `stuckAfter` goes, with more requests that never come. */
export interface StuckCall {
  readonly stage: ContractStage;
  readonly probe: ServerProbe;
  readonly call: ContractCall;
  readonly responses: AsyncIterator<ContractItem>;
}

/** Gets a call stuck, lets `act` end it, and sees that its requests are closed. */
export async function withStuckCall(
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
  await act({ stage, probe, call, responses });
  // A source that waits cannot be interrupted; what it waited for comes late, and then it must close.
  released.open();
  if (sendsMany(kind)) await within(requests.closed.reached(1), "the requests are closed");
}

/** The server has learnt of the end, and its handler has stopped for it. */
export async function assertCancelledAtServer(probe: ServerProbe): Promise<void> {
  const reason = await probe.ended();
  assert.ok(reason instanceof Error, "the handler's signal aborts with an error");
}
