import assert from "node:assert/strict";

import { openResumeLoop } from "../../../rpc/resume-loop.js";
import { resumableStream } from "../../../rpc/resumable-stream.js";
import { latch } from "../../latch.js";
import { within } from "../../within.js";
import { beginCall, sendsMany } from "../contract-call.js";
import { handlersOf, untilAborted, type ContractScript } from "../contract-script.js";
import type { ContractItem } from "../contract-service.js";
import type { ContractHarness, ContractStage } from "../harness.js";
import { item, items, places, placesOf, take } from "../items.js";
import { resumableScript, STREAM_LENGTH } from "../resumable-script.js";
import type { Scenario } from "../scenario.js";

/** The connection is lost when these items have arrived. */
const CUTS: readonly number[] = [0, 1, 7, 8, 29];
/** Attempts follow each other at once. */
const AT_ONCE = { policy: {}, random: () => 0 } as const;

/** Cuts the connection at the places of {@link CUTS}, once each; says whether it did. */
function cutter(stage: ContractStage): (place: number) => boolean {
  const left = new Set(CUTS);
  return (place) => {
    const isCut = left.delete(place);
    if (isCut) stage.cut();
    return isCut;
  };
}

/** Begins a call again and again until `attempt` succeeds, which continues where the last one got to. */
async function untilDone<T>(attempt: () => Promise<T>): Promise<T> {
  const loop = openResumeLoop(AT_ONCE);
  for (;;) {
    try {
      const result = await attempt();
      assertWasLost(loop.attempts);
      return result;
    } catch (error) {
      loop.progressed();
      await loop.waitAfter(error);
    }
  }
}

function assertWasLost(attempts: number): void {
  assert.ok(attempts > CUTS.length, `${String(CUTS.length)} cuts, but only ${String(attempts)} attempts`);
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
  assert.deepEqual(placesOf(received), places(0, STREAM_LENGTH), "no gap and no repeat");
  assertWasLost(stream.attempts);
}

async function resumeDuplex(stage: ContractStage): Promise<void> {
  const cutAt = cutter(stage);
  const received: ContractItem[] = [];
  await untilDone(async () => {
    const call = beginCall("bidi-streaming", stage.client, items(received.length, STREAM_LENGTH));
    for await (const one of call.responses) {
      received.push(one);
      cutAt(received.length - 1);
    }
  });
  assert.deepEqual(placesOf(received), places(0, STREAM_LENGTH), "no gap and no repeat");
}

async function resumeClientStream(stage: ContractStage): Promise<void> {
  const cutAt = cutter(stage);
  const answer = await untilDone(() => {
    const offset = latch<number>();
    async function* rest(): AsyncGenerator<ContractItem> {
      for (let n = await offset.promise; n < STREAM_LENGTH; n++) {
        // The next request comes from the next attempt.
        if (cutAt(n)) await new Promise<never>(() => {});
        yield* items(n, n + 1);
      }
    }
    const onHeaders = ({ kept }: Readonly<Record<string, unknown>>): void => offset.open(Number(kept));
    return stage.client.clientStream(rest(), { onHeaders });
  });
  assert.equal(answer.n, STREAM_LENGTH, "the server has everything");
}

/** The server has done its work, the answer is lost: the same request comes again. */
async function retryUnary(harness: ContractHarness): Promise<void> {
  const requests: number[] = [];
  const worked = latch();
  const script: ContractScript = async function* (incoming, { signal }) {
    requests.push(...(await take(incoming[Symbol.asyncIterator]())).map(({ n }) => n));
    worked.open();
    if (requests.length === 1) await untilAborted(signal);
    yield item(requests.length);
  };
  await using stage = await harness.open(handlersOf("unary", script));
  const answer = stage.client.unary({ n: 7 }, { retry: { maxAttempts: 3 } });
  await within(worked.promise, "the first attempt reaches the server");
  stage.cut();
  assert.equal((await within(answer, "the second attempt succeeds")).n, 2);
  assert.deepEqual(requests, [7, 7]);
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
    if (sendsMany(kind)) assert.deepEqual(kept, places(0, STREAM_LENGTH), "the server kept each request once");
  },
};

/** The connection is lost, the work goes on. */
export const RECONNECT: readonly Scenario[] = [reconnect];
