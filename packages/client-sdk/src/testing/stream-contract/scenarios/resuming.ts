import assert from "node:assert/strict";
import { getEventListeners } from "node:events";

import { StatusCode, type MethodKind } from "@millrace/shared-types";

import { openResumeLoop } from "../../../rpc/resume-loop.js";
import { resumableStream } from "../../../rpc/resumable-stream.js";
import type { StreamingError } from "../../../errors.js";
import { latch } from "../../latch.js";
import { within } from "../../within.js";
import { beginCall, receivesMany, sendsMany } from "../contract-call.js";
import { handlersOf, ServerProbe, unlessAborted, untilAborted, type ContractScript } from "../contract-script.js";
import type { ContractItem } from "../contract-service.js";
import type { ContractHarness, ContractStage } from "../harness.js";
import { item, items, places, placesOf, take } from "../items.js";
import type { Scenario } from "../scenario.js";
import { untilNothingLives } from "../until-nothing-lives.js";

const COUNT = 30;
/** The connection is lost when these items have arrived; the server makes no more before that. */
const CUTS: readonly number[] = [0, 1, 7, 8, 29];
/** Attempts follow each other at once. */
const AT_ONCE = { policy: {}, random: () => 0 } as const;

/** What survives calls: the server's state in a service whose positions are counts of items. */
interface Served {
  /** Items that the server has taken for good. */
  readonly kept: number[];
  readonly script: ContractScript;
}

/**
 * Responses begin at the place that the first request names. Requests are kept from the first one that
 * is new; before any is read, the headers say how many there are.
 */
function resumableScript(kind: MethodKind, cuts: readonly number[] = []): Served {
  const kept: number[] = [];
  const cutsLeft = new Set(cuts);
  const keep = ({ n }: ContractItem): void => {
    if (n === kept.length) kept.push(n);
    else assert.ok(n < kept.length, `request ${String(n)} came when ${String(kept.length)} were kept: a gap`);
  };
  return {
    kept,
    async *script(requests, context) {
      let next = 0;
      context.resumeFrom(() => String(sendsMany(kind) ? kept.length : next));
      context.sendHeaders({ kept: String(kept.length) });
      if (kind === "server-streaming") {
        [next] = (await take(requests[Symbol.asyncIterator](), 1)).map(({ n }) => n) as [number];
        // An item that was handed over is not sent again, so it is counted before.
        while (next < COUNT) {
          const n = next++;
          yield* items(n, n + 1);
          if (cutsLeft.delete(n)) await untilAborted(context.signal);
        }
        return;
      }
      for await (const request of requests) {
        keep(request);
        if (kind === "bidi-streaming") yield* items(request.n, request.n + 1);
        if (cutsLeft.delete(request.n)) await untilAborted(context.signal);
      }
      if (kind !== "bidi-streaming") yield item(kept.length);
    },
  };
}

/** Cuts the connection at the places of {@link CUTS}, once each. */
function cutter(stage: ContractStage): (arrived: number) => void {
  const left = new Set(CUTS);
  return (arrived) => {
    if (left.delete(arrived)) stage.cut();
  };
}

/** Begins a call again and again until `attempt` succeeds; `attempt` says where the last one got to. */
async function untilDone<T>(attempt: () => Promise<T>): Promise<T> {
  const loop = openResumeLoop(AT_ONCE);
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      loop.progressed();
      await loop.waitAfter(error);
    }
  }
}

async function resumeServerStream(stage: ContractStage): Promise<void> {
  const cutAt = cutter(stage);
  const stream = resumableStream<ContractItem, number>({
    open: (position = 0) => stage.client.serverStream({ n: position }),
    positionAfter: ({ n }) => n + 1,
    openLoop: () => openResumeLoop(AT_ONCE),
  });
  const received: ContractItem[] = [];
  for await (const one of stream) {
    received.push(one);
    cutAt(received.length - 1);
  }
  assert.deepEqual(placesOf(received), places(0, COUNT), "no gap and no repeat");
  assert.ok(stream.attempts > 1, "the stream was never lost: the cuts did not work");
}

async function resumeDuplex(stage: ContractStage): Promise<void> {
  const cutAt = cutter(stage);
  const received: ContractItem[] = [];
  await untilDone(async () => {
    const call = beginCall("bidi-streaming", stage.client, items(received.length, COUNT));
    for await (const one of call.responses) {
      received.push(one);
      cutAt(received.length - 1);
    }
  });
  assert.deepEqual(placesOf(received), places(0, COUNT), "no gap and no repeat");
}

async function resumeClientStream(stage: ContractStage): Promise<void> {
  const cutAt = cutter(stage);
  const answer = await untilDone(() => {
    const offset = latch<number>();
    async function* rest(): AsyncGenerator<ContractItem> {
      for (let n = await offset.promise; n < COUNT; n++) {
        cutAt(n);
        yield* items(n, n + 1);
      }
    }
    const onHeaders = ({ kept }: Readonly<Record<string, unknown>>): void => offset.open(Number(kept));
    return stage.client.clientStream(rest(), { onHeaders });
  });
  assert.equal(answer.n, COUNT, "the server has everything");
}

/** The answer is lost the first time; the second call finds that its work is done. */
async function retryUnary(harness: ContractHarness): Promise<void> {
  let worked = 0;
  const working = latch();
  const script: ContractScript = async function* (requests, { signal }) {
    const [request] = await take(requests[Symbol.asyncIterator](), 1);
    if (worked === 0) {
      worked++;
      working.open();
      await untilAborted(signal);
    }
    yield item(request?.n ?? 0);
  };
  await using stage = await harness.open(handlersOf("unary", script));
  const answer = stage.client.unary({ n: 7 }, { retry: { maxAttempts: 3, backoff: { initialMs: 1 } } });
  await within(working.promise, "the first attempt reaches the server");
  stage.cut();
  assert.equal((await within(answer, "the second attempt succeeds")).n, 7);
  assert.equal(worked, 1, "the work was done once");
}

const reconnect: Scenario = {
  name: "reconnect resumes without gap or repeat",
  notFor: {},
  async run(kind, harness) {
    if (kind === "unary") return retryUnary(harness);
    const { script, kept } = resumableScript(kind, kind === "client-streaming" ? [] : CUTS);
    await using stage = await harness.open(handlersOf(kind, script));
    if (kind === "server-streaming") await resumeServerStream(stage);
    else if (kind === "bidi-streaming") await resumeDuplex(stage);
    else await resumeClientStream(stage);
    if (sendsMany(kind)) assert.deepEqual(kept, places(0, COUNT), "the server kept each request once");
  },
};

const DRAIN_AT = 3;

async function failureOf(work: Promise<unknown>): Promise<StreamingError> {
  return work.then(
    () => assert.fail("the call succeeded, it should have been ended by the drain"),
    (error: unknown) => error as StreamingError,
  );
}

async function drainStream(kind: MethodKind, harness: ContractHarness): Promise<void> {
  const reached = latch();
  let draining = true;
  const probe = new ServerProbe();
  const { script, kept } = resumableScript(kind);
  const stopping: ContractScript = async function* (requests, context) {
    let passed = 0;
    for await (const one of script(
      countThen(requests, () => reached.open()),
      context,
    )) {
      yield one;
      if (draining && ++passed === DRAIN_AT) await untilAborted(context.signal);
    }
  };
  await using stage = await harness.open(handlersOf(kind, probe.watch(stopping)));
  const received: ContractItem[] = [];
  const silence = latch();
  async function* firstPart(): AsyncGenerator<ContractItem> {
    yield* items(0, DRAIN_AT);
    await silence.promise;
  }
  const call = beginCall(kind, stage.client, sendsMany(kind) ? firstPart() : [item(0)]);
  const responses = call.responses[Symbol.asyncIterator]();
  if (receivesMany(kind)) received.push(...(await take(responses, DRAIN_AT)));
  else await within(reached.promise, "the server has the first requests");
  const failing = failureOf(take(responses));
  await within(stage.drain(), "the drain comes to an end");
  const failure = await within(failing, "the client learns of the drain");
  silence.open();
  assert.equal(failure.code, StatusCode.UNAVAILABLE);
  assert.equal(failure.reason, "DRAINING");
  assert.equal(failure.origin, "server");
  const reason = await probe.ended();
  assert.equal((reason as { reason?: string }).reason, "DRAINING", "the handler is told why");

  draining = false;
  await stage.restart();
  const token = Number(failure.details.metadata["resume_token"]);
  assert.equal(token, DRAIN_AT, "the error says where to go on");
  const second = beginCall(kind, stage.client, sendsMany(kind) ? items(token, COUNT) : [item(token)]);
  const rest = await within(take(second.responses[Symbol.asyncIterator]()), "the second call succeeds");
  if (receivesMany(kind)) assert.deepEqual(placesOf([...received, ...rest]), places(0, COUNT), "no gap and no repeat");
  if (sendsMany(kind)) assert.deepEqual(kept, places(0, COUNT), "the server kept each request once");
}

async function* countThen(requests: AsyncIterable<ContractItem>, then: () => void): AsyncGenerator<ContractItem> {
  let count = 0;
  for await (const request of requests) {
    yield request;
    if (++count === DRAIN_AT) then();
  }
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
  const refused = await failureOf(stage.client.clientStream([item(0)]));
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

const nothingLeft: Scenario = {
  name: "nothing left afterwards: no call, handler or timer, whatever the end",
  notFor: {},
  async run(kind, harness) {
    const script: ContractScript = async function* (requests, { signal }) {
      const [first] = await take(requests[Symbol.asyncIterator](), 1);
      if (first?.n === 1) throw new Error("as asked");
      if (first?.n === 2) await untilAborted(signal);
      yield* receivesMany(kind) ? items(0, 3) : [item(0)];
    };
    const probe = new ServerProbe();
    await using stage = await harness.open(handlersOf(kind, probe.watch(script)));
    await (kind === "unary" ? stage.client.clientStream([item(0)]) : stage.client.unary({}));
    const before = stage.live();
    // Each end twice: what it leaves shows beside what may be left of the call above.
    for (const [index, n] of [0, 1, 2, 0, 1, 2].entries()) {
      const abort = new AbortController();
      const call = beginCall(kind, stage.client, [item(n)], { signal: abort.signal, timeoutMs: 60_000 });
      const ending = take(call.responses[Symbol.asyncIterator]());
      ending.catch(() => undefined);
      await probe.call(index);
      if (n === 2) abort.abort(new Error("as planned"));
      await (n === 0 ? ending : failureOf(ending));
      assert.equal(getEventListeners(abort.signal, "abort").length, 0, "no listener is left");
    }
    await untilNothingLives(stage, before);
  },
};

/** What outlives a call. */
export const RESUMING: readonly Scenario[] = [reconnect, gracefulDrain, nothingLeft];
