import { type Duration, msOfDuration, ProcessOutcome, type ProcessResult, type Status } from "@millrace/shared-types";

import { InternalError, type StreamingError } from "../errors.js";
import { statusError } from "../rpc/status-error.js";
import type { BatchItem, BatchItemResult, BatchResult } from "./types.js";

export const METHOD = "streaming.v1.BatchService/ProcessStream";

/**
 * The public form of a result.
 *
 * @throws {InternalError} if it has no outcome
 */
export function toBatchResult(result: ProcessResult): BatchResult {
  return new ReceivedResult(result, errorOf(result.status));
}

/** The result of `item`. */
export function toItemResult<T extends BatchItem>(item: T, result: ProcessResult): BatchItemResult<T> {
  return Object.assign(new ReceivedResult(result, errorOf(result.status)), { item });
}

/** The result of an item that could not even be sent. */
export function unsentResult<T extends BatchItem>(item: T, index: number, error: StreamingError): BatchItemResult<T> {
  const result: ProcessResult = {
    index,
    id: item.id ?? "",
    outcome: ProcessOutcome.FAILED,
    status: undefined,
    output: new Uint8Array(0),
    replayed: false,
    attempts: 0,
    elapsed: undefined,
  };
  return Object.assign(new ReceivedResult(result, error), { item });
}

function errorOf(status: Status | undefined): StreamingError | undefined {
  return status === undefined || status.code === 0 ? undefined : statusError(status, METHOD);
}

class ReceivedResult implements BatchResult {
  readonly index: number;
  readonly id: string;
  readonly outcome: BatchResult["outcome"];
  readonly error: StreamingError | undefined;
  readonly output: Uint8Array;
  readonly replayed: boolean;
  readonly attempts: number;
  readonly elapsedMs: number;

  constructor(result: ProcessResult, error: StreamingError | undefined) {
    this.index = result.index;
    this.id = result.id;
    this.outcome = outcomeOf(result.outcome);
    this.error = error;
    this.output = result.output;
    this.replayed = result.replayed;
    this.attempts = result.attempts;
    this.elapsedMs = toMs(result.elapsed);
  }

  text(): string {
    return Buffer.from(this.output.buffer, this.output.byteOffset, this.output.byteLength).toString("utf8");
  }

  json(): unknown {
    return JSON.parse(this.text());
  }
}

function outcomeOf(outcome: ProcessOutcome): BatchResult["outcome"] {
  switch (outcome) {
    case ProcessOutcome.SUCCEEDED:
      return "succeeded";
    case ProcessOutcome.FAILED:
      return "failed";
    case ProcessOutcome.SKIPPED:
      return "skipped";
    default:
      throw new InternalError(`the server gave the outcome ${String(outcome)}`, { method: METHOD, origin: "server" });
  }
}

export function toMs(duration: Duration | undefined): number {
  return duration === undefined ? 0 : msOfDuration(duration);
}
