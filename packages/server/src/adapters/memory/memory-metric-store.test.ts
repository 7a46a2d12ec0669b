import { describeMetricStore } from "../../ports/metric-store.contract.js";
import { MAX_SERIES } from "../../ports/metric-store-drafts.contract.js";

import { MemoryMetricStore } from "./memory-metric-store.js";

describeMetricStore("memory", async () => ({
  persistent: false,
  open: async (clock) => new MemoryMetricStore({ clock, maxSeries: MAX_SERIES }),
  [Symbol.asyncDispose]: async () => {},
}));
