export type { BatchApi } from "./batch-api.js";
export type {
  BatchCounts,
  BatchInfo,
  BatchItem,
  BatchItemResult,
  BatchResult,
  BatchSummary,
  ListResultsOptions,
  ProcessOptions,
  ProcessorInfo,
} from "./types.js";
