import {
  decodeMessage,
  encodeStatusDetails,
  type ExportMetricsRequest,
  ExportMetricsRequest as ExportMetricsMessage,
  type ItemError,
  type ListSeriesRequest,
  type Metric,
  MetricServiceDefinition,
  type PartialMessage,
  type QueryMetricsRequest,
  QueryMetricsResponse,
  Series,
  ServiceError,
  Status,
  type StreamMetricsRequest,
  type StreamMetricsResponse,
} from "@millrace/shared-types";

import { createClient, type StreamingClient } from "../client.js";
import type { ClientClock } from "../options.js";
import { systemClock } from "../rpc/system-clock.js";
import type { Transport } from "../rpc/transport.js";
import type { FaultPlan, FaultPlanner } from "../testing/fault-plan.js";
import { type FaultControls, faulty } from "../testing/fault-transport.js";
import type { Serve } from "../testing/in-memory-server.js";
import { createInMemoryTransport } from "../testing/in-memory-transport.js";
import type { MetricsApi } from "./metrics-api.js";

const NOTHING: ExportMetricsRequest = ExportMetricsMessage.fromPartial({});

/** What MetricService promises about samples, in memory, with every request in view. */
export class FakeMetricServer {
  /** In the order in which they were stored. */
  readonly stored: Metric[] = [];
  readonly requests: StreamMetricsRequest[] = [];
  readonly queries: QueryMetricsRequest[] = [];
  readonly listings: ListSeriesRequest[] = [];
  windows: readonly PartialMessage<QueryMetricsResponse>[] = [];
  series: readonly PartialMessage<Series>[] = [];
  /** Refuses samples. */
  refusal: (metric: Metric) => ServiceError | undefined = ({ value }) =>
    Number.isFinite(value) ? undefined : new ServiceError("INVALID_FIELD", "value: must be finite");
  /** Awaited before a batch is stored; what it throws ends the stream. */
  beforeWork: (request: StreamMetricsRequest) => Promise<void> = () => Promise.resolve();
  readonly #committed = new Map<string, number>();

  readonly register = (serve: Serve): void => {
    serve(MetricServiceDefinition, {
      streamMetrics: (requests) => this.#stream(requests),
      exportMetrics: async () => ({ summary: undefined }),
      queryMetrics: (request) => this.#query(request),
      listSeries: async (request) => {
        this.listings.push(request);
        const index = Number(request.pageToken);
        return {
          series: this.series.slice(index, index + 1).map((series) => Series.fromPartial(series)),
          nextPageToken: index + 1 < this.series.length ? String(index + 1) : "",
        };
      },
    });
  };

  async *#stream(requests: AsyncIterable<StreamMetricsRequest>): AsyncGenerator<StreamMetricsResponse> {
    for await (const request of requests) {
      this.requests.push(request);
      await this.beforeWork(request);
      yield this.#store(request);
    }
  }

  #store({ requestId, export: batch = NOTHING }: StreamMetricsRequest): StreamMetricsResponse {
    const before = this.#committed.get(batch.producerId) ?? 0;
    const rejections: ItemError[] = [];
    let duplicateCount = 0;
    for (const [index, metric] of batch.metrics.entries()) {
      const refusal = this.refusal(metric);
      if (refusal !== undefined) {
        rejections.push({ index, id: metric.name, status: decodeMessage(Status, encodeStatusDetails(refusal)) });
      } else if (metric.sequence <= before) duplicateCount++;
      else this.stored.push(metric);
    }
    const committedSequence = Math.max(before, ...batch.metrics.map(({ sequence }) => sequence));
    this.#committed.set(batch.producerId, committedSequence);
    const acceptedCount = batch.metrics.length - duplicateCount - rejections.length;
    return { requestId, acceptedCount, duplicateCount, rejections, committedSequence };
  }

  async *#query(request: QueryMetricsRequest): AsyncGenerator<QueryMetricsResponse> {
    this.queries.push(request);
    yield* this.windows.map((window) => QueryMetricsResponse.fromPartial(window));
  }
}

/** A metrics API whose server is in this process and whose connection fails as told. */
export interface OpenMetrics extends AsyncDisposable {
  readonly client: StreamingClient;
  readonly metrics: MetricsApi;
  readonly server: FakeMetricServer;
  readonly faults: Transport & FaultControls;
}

export function openMetrics(plan: FaultPlan | FaultPlanner = {}, clock: ClientClock = systemClock): OpenMetrics {
  const server = new FakeMetricServer();
  const faults = faulty(createInMemoryTransport(server.register), plan);
  const client = createClient({ target: "in-memory", transport: faults, clock, random: () => 0 });
  return { client, metrics: client.metrics, server, faults, [Symbol.asyncDispose]: () => client.close() };
}
