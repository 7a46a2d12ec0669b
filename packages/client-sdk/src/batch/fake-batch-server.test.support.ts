import {
  BatchServiceDefinition,
  BatchState,
  decodeMessage,
  encodeStatusDetails,
  ProcessOutcome,
  type ProcessRequest,
  ProcessResponse,
  ProcessResult,
  type ProcessStreamRequest,
  type ProcessStreamResponse,
  type ServiceError,
  Status,
  toTimestamp,
} from "@millrace/shared-types";

import { createClient, type StreamingClient } from "../client.js";
import type { FaultPlan, FaultPlanner } from "../testing/fault-plan.js";
import { type FaultControls, faulty } from "../testing/fault-transport.js";
import type { Serve } from "../testing/in-memory-server.js";
import { createInMemoryTransport } from "../testing/in-memory-transport.js";
import type { Transport } from "../rpc/transport.js";
import type { BatchApi } from "./batch-api.js";

/** What BatchService promises, in memory, with every request in view. The output of an item is its payload. */
export class FakeBatchServer {
  /** Messages of each stream. */
  readonly streams: ProcessStreamRequest[][] = [];
  /** How often each item was run, by batch and index. */
  readonly runs: Map<string, number> = new Map();
  /** Ends a stream when it gets an item. */
  refusal: (item: ProcessRequest, stream: number) => ServiceError | undefined = () => undefined;
  /** Fails an item. */
  failure: (item: ProcessRequest) => ServiceError | undefined = () => undefined;
  /** Whether the totals come at the end of a stream. */
  sendsSummary: (stream: number) => boolean = () => true;
  readonly #results = new Map<string, ProcessResult>();

  readonly register = (serve: Serve): void => {
    serve(BatchServiceDefinition, {
      processStream: (requests) => this.#process(requests),
      getBatch: async ({ batchId }) => ({
        summary: this.#summary(batchId),
        state: BatchState.INTERRUPTED,
        createTime: toTimestamp(new Date(1)),
        expireTime: toTimestamp(new Date(2)),
      }),
      listBatchResults: async ({ batchId, pageToken, failuresOnly }) => {
        const results = this.#resultsOf(batchId).filter(
          ({ outcome }) => !failuresOnly || outcome === ProcessOutcome.FAILED,
        );
        const at = Number(pageToken);
        return { results: results.slice(at, at + 2), nextPageToken: at + 2 < results.length ? String(at + 2) : "" };
      },
      cancelBatch: async ({ batchId }) => ({ summary: this.#summary(batchId) }),
      listProcessors: async () => ({
        processors: [{ name: "echo", description: "Gives it back.", supportsAtomic: false, idempotent: true }],
      }),
    });
  };

  async *#process(requests: AsyncIterable<ProcessStreamRequest>): AsyncGenerator<ProcessStreamResponse> {
    const stream = this.streams.length;
    const messages: ProcessStreamRequest[] = [];
    this.streams.push(messages);
    for await (const message of requests) {
      messages.push(message);
      const { item, index = 0 } = message;
      if (item === undefined) continue;
      const refusal = this.refusal(item, stream);
      if (refusal !== undefined) throw refusal;
      yield { kind: { $case: "result", value: this.#resultOf(this.#batchOf(messages), index, item) } };
    }
    if (this.sendsSummary(stream)) yield { kind: { $case: "summary", value: this.#summary(this.#batchOf(messages)) } };
  }

  #batchOf([first]: readonly ProcessStreamRequest[]): string {
    return first?.options?.batchId ?? "";
  }

  #resultOf(batchId: string, index: number, item: ProcessRequest): ProcessResult {
    const key = `${batchId}/${String(index)}`;
    const known = this.#results.get(key);
    if (known !== undefined) return { ...known, replayed: true };
    this.runs.set(key, (this.runs.get(key) ?? 0) + 1);
    const failure = this.failure(item);
    const result = ProcessResult.fromPartial({
      index,
      id: item.id,
      outcome: failure === undefined ? ProcessOutcome.SUCCEEDED : ProcessOutcome.FAILED,
      status: failure && decodeMessage(Status, encodeStatusDetails(failure)),
      output: failure === undefined ? Buffer.from(item.payload) : new Uint8Array(0),
      attempts: 1,
      elapsed: { seconds: 0, nanos: 1_500_000 },
    });
    this.#results.set(key, result);
    return result;
  }

  #resultsOf(batchId: string): ProcessResult[] {
    return [...this.#results].filter(([key]) => key.startsWith(`${batchId}/`)).map(([, result]) => result);
  }

  #summary(batchId: string): ProcessResponse {
    const results = this.#resultsOf(batchId);
    const failureCount = results.filter(({ outcome }) => outcome === ProcessOutcome.FAILED).length;
    const successCount = results.length - failureCount;
    const elapsed = { seconds: 2, nanos: 0 };
    return ProcessResponse.fromPartial({
      batchId,
      processedCount: results.length,
      successCount,
      failureCount,
      elapsed,
    });
  }
}

/** A batch API whose server is in this process and whose connection fails as told. */
export interface OpenBatch extends AsyncDisposable {
  readonly client: StreamingClient;
  readonly batch: BatchApi;
  readonly server: FakeBatchServer;
  readonly faults: Transport & FaultControls;
}

export function openBatch(plan: FaultPlan | FaultPlanner = {}): OpenBatch {
  const server = new FakeBatchServer();
  const faults = faulty(createInMemoryTransport(server.register), plan);
  const resume = { backoff: { initialMs: 1, maxMs: 2 } };
  const client = createClient({ target: "in-memory", transport: faults, random: () => 0, resume });
  return { client, batch: client.batch, server, faults, [Symbol.asyncDispose]: () => client.close() };
}
