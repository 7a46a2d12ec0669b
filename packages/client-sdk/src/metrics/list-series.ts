import { MetricServiceDefinition, type Series, toDate } from "@millrace/shared-types";

import { PullIterator } from "../rpc/pull-iterator.js";
import { checkListSeriesOptions } from "./check-metrics-options.js";
import { toKind } from "./metric-message.js";
import type { MetricsDeps } from "./metrics-api.js";
import type { ListSeriesOptions, MetricSeries } from "./types.js";

/** Fetches one page at a time, when the loop gets there; holds one page. Each loop begins anew. */
export function listSeries(deps: MetricsDeps, options: ListSeriesOptions = {}): AsyncIterable<MetricSeries> {
  checkListSeriesOptions(options);
  return {
    [Symbol.asyncIterator]() {
      const left = new AbortController();
      const signal = options.signal ? AbortSignal.any([options.signal, left.signal]) : left.signal;
      const series = seriesOf(deps, { ...options, signal });
      return new PullIterator(
        async () => (await series.next()).value,
        () => left.abort(),
      );
    },
  };
}

async function* seriesOf(
  { rpc }: MetricsDeps,
  { namePrefix = "", filter = "", pageSize = 0, ...call }: ListSeriesOptions,
): AsyncGenerator<MetricSeries, undefined, undefined> {
  const { listSeries: method } = MetricServiceDefinition.methods;
  let pageToken = "";
  do {
    const request = { namePrefix, filter, pageSize, pageToken };
    const page = await rpc.unary(MetricServiceDefinition, method, request, call);
    yield* page.series.map(toSeries);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
}

function toSeries({ name, labels, kind, unit, lastTime }: Series): MetricSeries {
  return { name, labels: Object.fromEntries(labels), kind: toKind(kind), unit, lastAt: lastTime && toDate(lastTime) };
}
