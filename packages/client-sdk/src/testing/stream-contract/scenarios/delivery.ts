import assert from "node:assert/strict";

import { StatusCode, type MethodKind } from "@millrace/shared-types";

import { latch } from "../../latch.js";
import { tally } from "../../tally.js";
import { within } from "../../within.js";
import { beginCall, receivesMany, sendsMany } from "../contract-call.js";
import { handlersOf, ServerProbe, unlessAborted, type ContractScript } from "../contract-script.js";
import type { ContractItem } from "../contract-service.js";
import type { ContractHarness } from "../harness.js";
import { item, items, places, placesOf, take } from "../items.js";
import type { Scenario } from "../scenario.js";

const ONE_EACH_WAY = "one message each way, which is what a unary call is";

/** Sends and receives `count` items where the kind has many, and looks at what arrived at both ends. */
async function deliver(kind: MethodKind, harness: ContractHarness, count: number): Promise<void> {
  const requests = sendsMany(kind) ? count : 1;
  const responses = receivesMany(kind) ? count : 1;
  const arrived: ContractItem[] = [];
  const probe = new ServerProbe();
  const script = probe.watch(async function* (incoming) {
    for await (const request of incoming) arrived.push(request);
    yield* items(0, responses);
  });
  await using stage = await harness.open(handlersOf(kind, script));
  const call = beginCall(kind, stage.client, items(0, requests));
  const received = await within(take(call.responses[Symbol.asyncIterator]()), "the call ends");
  await call.sent;
  assert.deepEqual(placesOf(arrived), places(0, requests), "what arrived at the server");
  assert.deepEqual(placesOf(received), places(0, responses), "what arrived at the client");
  if (call.stream !== undefined) assert.deepEqual(await call.stream.closed, { type: "completed" });
  assert.equal(await probe.ended(), undefined, "a call that succeeds does not abort its signal");
}

const inOrder: Scenario = {
  name: "delivers in order",
  notFor: {},
  run: (kind, harness) => deliver(kind, harness, kind === "unary" ? 1 : 500),
};

const empty: Scenario = {
  name: "an empty stream is an end and not an error",
  notFor: { unary: ONE_EACH_WAY },
  run: (kind, harness) => deliver(kind, harness, 0),
};

const oneItem: Scenario = {
  name: "one item",
  notFor: {},
  run: (kind, harness) => deliver(kind, harness, 1),
};

/** Each item is made only when the one before has arrived: whatever holds items back never ends. */
const slowWriter: Scenario = {
  name: "slow writer: each item arrives without the next one",
  notFor: { unary: ONE_EACH_WAY },
  async run(kind, harness) {
    const count = 20;
    const atServer = tally();
    const atClient = tally();
    const probe = new ServerProbe();
    const script = probe.watch(async function* (requests) {
      if (kind === "server-streaming") yield* eachAfter(atClient.reached, count);
      else
        for await (const request of requests) {
          atServer.add();
          if (kind === "bidi-streaming") yield request;
        }
      if (kind === "client-streaming") yield item(atServer.count);
    });
    await using stage = await harness.open(handlersOf(kind, script));
    const progress = kind === "bidi-streaming" ? atClient : atServer;
    const requests = sendsMany(kind) ? eachAfter(progress.reached, count) : [item(0)];
    const received: number[] = [];
    for await (const { n } of beginCall(kind, stage.client, requests).responses) {
      received.push(n);
      atClient.add();
    }
    assert.deepEqual(received, receivesMany(kind) ? places(0, count) : [count]);
    assert.equal(await probe.ended(), undefined);
  },
};

async function* eachAfter(reached: (count: number) => Promise<void>, count: number): AsyncGenerator<ContractItem> {
  for (let n = 0; n < count; n++) {
    await within(reached(n), `item ${String(n)} arrives before the next one is made`);
    yield item(n);
  }
}

const earlyResponse: Scenario = {
  name: "early response while the client still sends: the response counts, the requests are closed",
  notFor: {
    unary: "the only request is whole before the handler begins",
    "server-streaming": "the only request is whole before the handler begins",
  },
  async run(kind, harness) {
    const probe = new ServerProbe();
    const closed = latch();
    const script: ContractScript = probe.watch(async function* (requests) {
      const first = await take(requests[Symbol.asyncIterator](), 3);
      yield item(first.length);
    });
    async function* endless(): AsyncGenerator<ContractItem> {
      try {
        for (let n = 0; ; n++) yield item(n);
      } finally {
        closed.open();
      }
    }
    await using stage = await harness.open(handlersOf(kind, script));
    const call = beginCall(kind, stage.client, endless());
    const responses = await take(call.responses[Symbol.asyncIterator]());
    assert.deepEqual(
      responses.map(({ n }) => n),
      [3],
    );
    await within(closed.promise, "the requests are closed");
    await within(call.sent, "nothing more is sent");
    assert.equal(await probe.ended(), undefined, "the server ended the call by itself");
  },
};

const sendAfterEnd: Scenario = {
  name: "send fails once the server has ended the call",
  notFor: {
    unary: "there is no send(): see early response",
    "server-streaming": "there is no send(): see early response",
    "client-streaming": "there is no send(): see early response",
  },
  async run(kind, harness) {
    const probe = new ServerProbe();
    const script = probe.watch(async function* (requests) {
      yield* await take(requests[Symbol.asyncIterator](), 3);
    });
    await using stage = await harness.open(handlersOf(kind, script));
    const stream = stage.client.duplex();
    const sending = (async () => {
      for (let n = 0; ; n++) await stream.send(item(n));
    })();
    const failing = assert.rejects(within(sending, "send fails"), { code: StatusCode.FAILED_PRECONDITION });
    const received = await take(stream[Symbol.asyncIterator]());
    assert.deepEqual(
      received.map(({ n }) => n),
      [0, 1, 2],
    );
    await failing;
    assert.equal(stream.bufferedBytes, 0);
    assert.equal(await probe.ended(), undefined);
  },
};

const interleaved: Scenario = {
  name: "two interleaved streams share nothing",
  notFor: {},
  async run(kind, harness) {
    const probe = new ServerProbe();
    const release = latch();
    const script = probe.watch(async function* (requests, { signal }) {
      const [first] = await take(requests[Symbol.asyncIterator](), 1);
      const base = first?.n ?? 0;
      if (receivesMany(kind)) yield* [item(base), item(base + 1)];
      await unlessAborted(release.promise, signal);
      yield item(base + 2);
    });
    await using stage = await harness.open(handlersOf(kind, script));
    const abortFirst = new AbortController();
    const calls = [
      beginCall(kind, stage.client, [item(100)], { signal: abortFirst.signal }),
      beginCall(kind, stage.client, [item(200)]),
    ] as const;
    const [a, b] = calls.map(({ responses }) => responses[Symbol.asyncIterator]()) as [
      AsyncIterator<ContractItem>,
      AsyncIterator<ContractItem>,
    ];
    await probe.call(1);
    const received: number[] = [];
    if (receivesMany(kind)) {
      for (const one of [a, b, a, b]) received.push(...(await take(one, 1)).map(({ n }) => n));
      assert.deepEqual(received, [100, 200, 101, 201]);
    }
    assert.notEqual(probe.calls[0]?.context.signal, probe.calls[1]?.context.signal);
    abortFirst.abort(new Error("only the first"));
    await assert.rejects(within(take(a), "the aborted call ends"), { code: 1 });
    await within(Promise.race(probe.calls.map(({ aborted }) => aborted.promise)), "the server learns of the abort");
    release.open();
    assert.deepEqual(
      (await take(b)).map(({ n }) => n),
      [202],
    );
    const reasons = [await probe.ended(0), await probe.ended(1)];
    assert.equal(reasons.filter((reason) => reason !== undefined).length, 1, "one call was aborted, not both");
  },
};

/** What arrives, in which order, and when. */
export const DELIVERY: readonly Scenario[] = [
  inOrder,
  empty,
  oneItem,
  slowWriter,
  earlyResponse,
  sendAfterEnd,
  interleaved,
];
