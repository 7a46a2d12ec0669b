/** What went wrong in a worker of a SqliteMetricStore. Imports only node: modules and what does so too. */
import { failureOf } from "./sqlite-event-failure.js";
import type { MetricFailure } from "./sqlite-metric-protocol.js";

/** The failure that an exception means. */
export function metricFailureOf(error: unknown): MetricFailure {
  const failure = failureOf(error);
  if (failure.kind === "full" || failure.kind === "damaged") return failure;
  return { kind: "unavailable", message: String(error) };
}
