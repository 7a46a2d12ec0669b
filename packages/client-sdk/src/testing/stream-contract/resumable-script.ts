import assert from "node:assert/strict";

import type { MethodKind } from "@millrace/shared-types";

import { sendsMany } from "./contract-call.js";
import { untilAborted, type ContractScript } from "./contract-script.js";
import type { ContractItem } from "./contract-service.js";
import { item, items, take } from "./items.js";

/** Items of the whole stream in the scenarios about resuming. */
export const STREAM_LENGTH = 30;

/** What survives calls: the server's state in a service whose positions are counts of items. */
export interface Served {
  /** Items that the server has taken for good. */
  readonly kept: number[];
  readonly script: ContractScript;
}

/**
 * A script whose calls continue one another. Responses begin at the place that the first request names. Requests are kept from the first one that
 * is new; before any is read, the headers say how many there are. After the items in `stops`, once each,
 * it makes no more and waits for the end of its call.
 */
export function resumableScript(kind: MethodKind, stops: readonly number[] = []): Served {
  const kept: number[] = [];
  const stopsLeft = new Set(stops);
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
        while (next < STREAM_LENGTH) {
          const n = next++;
          yield* items(n, n + 1);
          if (stopsLeft.delete(n)) await untilAborted(context.signal);
        }
        return;
      }
      for await (const request of requests) {
        keep(request);
        if (kind === "bidi-streaming") yield* items(request.n, request.n + 1);
        if (stopsLeft.delete(request.n)) await untilAborted(context.signal);
      }
      if (kind !== "bidi-streaming") yield item(kept.length);
    },
  };
}
