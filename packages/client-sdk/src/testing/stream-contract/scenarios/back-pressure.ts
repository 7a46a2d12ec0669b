import assert from "node:assert/strict";

import type { MethodKind } from "@millrace/shared-types";

import { latch } from "../../latch.js";
import { tally, type Tally } from "../../tally.js";
import { within } from "../../within.js";
import { beginCall, receivesMany, sendsMany } from "../contract-call.js";
import { handlersOf, ServerProbe, unlessAborted } from "../contract-script.js";
import type { ContractItem } from "../contract-service.js";
import type { ContractClient, ContractHarness } from "../harness.js";
import { isPayloadOf, item, take, watched } from "../items.js";
import type { Scenario } from "../scenario.js";

const PAYLOAD_BYTES = 64 * 1024;
/** 32 MiB: far more than any buffer on the way may hold. */
const COUNT = 512;
const DEFAULT_MAX_BUFFERED_BYTES = 4 * 1024 * 1024;
/** A producer that did nothing during this many round trips on the same connection stands still. */
const STILL_ROUND_TRIPS = 25;

function* heavyItems(): Generator<ContractItem> {
  for (let n = 0; n < COUNT; n++) yield item(n, PAYLOAD_BYTES);
}

/** Resolves when `produced` no longer moves, measured in round trips. */
async function standstill(produced: Tally, kind: MethodKind, client: ContractClient): Promise<void> {
  let before = -1;
  for (let still = 0; still < STILL_ROUND_TRIPS; still++) {
    if (produced.count !== before) still = 0;
    before = produced.count;
    await client.unary({ n: still });
  }
  assert.ok(produced.count < COUNT, `${kind}: the producer was never held`);
}

function assertBounded(produced: Tally, taken: number, { maxBufferedBytes }: ContractHarness, what: string): void {
  const bytes = (produced.count - taken) * PAYLOAD_BYTES;
  const bound = maxBufferedBytes ?? DEFAULT_MAX_BUFFERED_BYTES;
  assert.ok(bytes <= bound, `${what}: ${String(bytes)} bytes were made and not taken, more than ${String(bound)}`);
}

function assertHeavyItems(received: readonly ContractItem[], what: string): void {
  assert.equal(received.length, COUNT, what);
  received.forEach(({ n, payload }, index) => {
    assert.equal(n, index, what);
    assert.ok(isPayloadOf(n, payload, PAYLOAD_BYTES), `${what}: content of ${String(n)}`);
  });
}

const slowReader: Scenario = {
  name: "slow reader holds the producer, within a bound in bytes",
  notFor: { unary: "one message each way: there is no second one to hold" },
  async run(kind, harness) {
    const probe = new ServerProbe();
    const serverReads = latch();
    const produced = tally();
    const arrived: ContractItem[] = [];
    const script = probe.watch(async function* (requests, { signal }) {
      const source = requests[Symbol.asyncIterator]();
      arrived.push(...(await take(source, 1)));
      if (receivesMany(kind)) {
        for (const one of heavyItems()) {
          produced.add();
          yield one;
        }
      }
      await unlessAborted(serverReads.promise, signal);
      arrived.push(...(await take(source)));
      if (!receivesMany(kind)) yield item(arrived.length);
    });
    await using stage = await harness.open(handlersOf(kind, script));
    const requests = sendsMany(kind) ? watched(heavyItems()) : undefined;
    const call = beginCall(kind, stage.client, requests ?? [item(0)]);
    const responses = call.responses[Symbol.asyncIterator]();
    await probe.call();
    const first = receivesMany(kind) ? await take(responses, 1) : [];
    if (receivesMany(kind)) {
      await standstill(produced, kind, stage.client);
      assertBounded(produced, first.length, harness, "responses");
    }
    if (requests !== undefined) {
      await standstill(requests.pulled, kind, stage.client);
      assertBounded(requests.pulled, 1, harness, "requests");
    }
    serverReads.open();
    const rest = await within(take(responses), "everything arrives once it is read", 30_000);
    if (receivesMany(kind)) assertHeavyItems([...first, ...rest], "responses");
    if (requests !== undefined) assertHeavyItems(arrived, "requests");
    assert.equal(await probe.ended(), undefined);
  },
};

/** How much may be on its way. */
export const BACK_PRESSURE: readonly Scenario[] = [slowReader];
