import { isUtf8 } from "node:buffer";

import type { BatchItemResult, BatchSummary } from "@millrace/client-sdk";

import type { LineItem } from "./batch-item.js";

/** A result as a line of JSON. Its output is a text, or base64 if it is none. */
export function resultLine(result: BatchItemResult<LineItem>): string {
  const { index, id, outcome, error, output, replayed, attempts, item } = result;
  const shown = isUtf8(output) ? { output: result.text() } : { outputBase64: Buffer.from(output).toString("base64") };
  return line({
    line: item.line,
    index,
    ...(id !== "" && { id }),
    outcome,
    ...(output.length > 0 && shown),
    ...(error && { error: { code: error.codeName, reason: error.reason, message: error.message } }),
    ...(replayed && { replayed }),
    attempts,
  });
}

/** The totals as a line of JSON. */
export function summaryLine({ failures: _, ...totals }: BatchSummary<LineItem>, badLines: number): string {
  return line({ ...totals, badLines });
}

/** The totals as a line for people. */
export function summaryText({ batchId, succeeded, failed, skipped, replayed }: BatchSummary<LineItem>): string {
  const counts = `${String(succeeded)} succeeded, ${String(failed)} failed, ${String(skipped)} skipped`;
  return `batch ${batchId}: ${counts}${replayed > 0 ? ` (${String(replayed)} before)` : ""}\n`;
}

function line(value: object): string {
  return `${JSON.stringify(value)}\n`;
}
