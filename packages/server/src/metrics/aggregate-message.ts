import { type MetricAggregate, timestampOfMs } from "@millrace/shared-types";

import type { Aggregate } from "../ports/metric-store.js";

/** An aggregate as it is sent. @param quantiles those that it was asked for */
export function aggregateMessage(aggregate: Aggregate, quantiles: readonly number[]): MetricAggregate {
  const { firstMs, lastMs, quantiles: values, ...numbers } = aggregate;
  return {
    ...numbers,
    quantiles: values.map((value, index) => ({ quantile: quantiles[index] ?? 0, value })),
    startTime: timestampOfMs(firstMs),
    endTime: timestampOfMs(lastMs),
  };
}
