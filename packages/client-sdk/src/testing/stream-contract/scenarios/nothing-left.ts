import assert from "node:assert/strict";
import { getEventListeners } from "node:events";

import { beginCall, receivesMany } from "../contract-call.js";
import { callOther } from "../call-other.js";
import { handlersOf, ServerProbe, untilAborted, type ContractScript } from "../contract-script.js";
import { item, items, take } from "../items.js";
import { rejectionOf } from "../rejection-of.js";
import type { Scenario } from "../scenario.js";
import { untilNothingLives } from "../until-nothing-lives.js";

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
    await callOther(kind, stage);
    const before = stage.live();
    // Each end twice: what it leaves shows beside what may be left of the call above.
    for (const [index, n] of [0, 1, 2, 0, 1, 2].entries()) {
      const abort = new AbortController();
      const call = beginCall(kind, stage.client, [item(n)], { signal: abort.signal, timeoutMs: 60_000 });
      const ending = take(call.responses[Symbol.asyncIterator]());
      ending.catch(() => undefined);
      await probe.call(index);
      if (n === 2) abort.abort(new Error("as planned"));
      await (n === 0 ? ending : rejectionOf(ending));
      assert.equal(getEventListeners(abort.signal, "abort").length, 0, "no listener is left");
    }
    await untilNothingLives(stage, before);
  },
};

/** What a call leaves behind. */
export const NOTHING_LEFT: readonly Scenario[] = [nothingLeft];
