import { MetricServiceDefinition, type Series, toDate } from "@millrace/shared-types";

import { entriesOf } from "../rpc/pages.js";
import { checkListSeriesOptions } from "./check-metrics-options.js";
import { toKind } from "./metric-message.js";
import type { MetricsDeps } from "./metrics-api.js";
import type { ListSeriesOptions, MetricSeries } from "./types.js";

/** Fetches one page at a time, when the loop gets there; holds one page. Each loop begins anew. */
export function listSeries({ rpc }: MetricsDeps, options: ListSeriesOptions = {}): AsyncIterable<MetricSeries> {
  checkListSeriesOptions(options);
  const { namePrefix = "", filter = "", ...paging } = options;
  return entriesOf(paging, async (page, call) => {
    const request = { namePrefix, filter, ...page };
    const answer = await rpc.unary(MetricServiceDefinition, MetricServiceDefinition.methods.listSeries, request, call);
    return { entries: answer.series.map(toSeries), nextPageToken: answer.nextPageToken };
  });
}

function toSeries({ name, labels, kind, unit, lastTime }: Series): MetricSeries {
  return { name, labels: Object.fromEntries(labels), kind: toKind(kind), unit, lastAt: lastTime && toDate(lastTime) };
}
