import {
  decodeMessage,
  durationOfMs,
  encodeStatusDetails,
  type ExecuteQueryRequest,
  type ExecuteQueryResponse,
  QueryRequest,
  type QueryResponse,
  QueryResponse as QueryResponseMessage,
  QueryServiceDefinition,
  QueryType,
  type QueryValue,
  type Reason,
  ServiceError,
  Status,
  StreamingServiceDefinition,
  toTimestamp,
} from "@millrace/shared-types";

import { createClient } from "../client.js";
import type { Transport } from "../rpc/transport.js";
import type { FaultPlan, FaultPlanner } from "../testing/fault-plan.js";
import { type FaultControls, faulty } from "../testing/fault-transport.js";
import type { Serve } from "../testing/in-memory-server.js";
import { createInMemoryTransport, type InMemoryTransport } from "../testing/in-memory-transport.js";
import { type Latch, latch } from "../testing/latch.js";
import type { QueryApi } from "./query-api.js";

/** Rows of a message. */
const BATCH_ROWS = 10;

/** Bytes of a row, as this server counts them. */
const ROW_BYTES = 100;

/** InteractiveQuery alone. */
const SESSIONS = {
  ...StreamingServiceDefinition,
  methods: { interactiveQuery: StreamingServiceDefinition.methods.interactiveQuery },
};

interface Running {
  credit: number;
  stopped: boolean;
  wake: () => void;
}

/**
 * What InteractiveQuery and QueryService promise. Statements are `rows N` (the numbers from 1 on), `fail REASON`, `values`
 * (one of each type), `echo` (the parameters), `malformed` (JSON that is none) and `wait` (nothing comes).
 */
export class FakeQueryServer {
  readonly requests: QueryRequest[] = [];
  /** Tags of what was cancelled. */
  readonly cancelled: string[] = [];
  readonly onCancel: Latch<string> = latch<string>();
  readonly onWait: Latch = latch();
  /** Rows that were made. */
  made = 0;
  /** Refuses queries. */
  refusal: (attempt: number) => ServiceError | undefined = () => undefined;
  #attempts = 0;

  readonly register = (serve: Serve): void => {
    serve(SESSIONS, { interactiveQuery: (requests) => this.#session(requests) });
    serve(QueryServiceDefinition, {
      executeQuery: (request) => this.#execute(request),
      cancelQuery: async ({ runningId }) => ({ cancelled: runningId === "r1" }),
      listQueries: async () => ({
        queries: [
          {
            runningId: "r1",
            queryId: "",
            query: "SELECT 1",
            userId: "ann",
            startTime: toTimestamp(new Date(0)),
            progress: { rowsSent: 5, elapsed: durationOfMs(1500) },
          },
        ],
      }),
      listTables: async () => ({
        tables: [
          {
            name: "items",
            description: "Things.",
            schema: { columns: [{ name: "key", type: QueryType.STRING }], parameterCount: 0 },
          },
        ],
      }),
    });
  };

  async *#session(requests: AsyncIterable<QueryRequest>): AsyncGenerator<QueryResponse> {
    const ready: QueryResponse[] = [];
    let wake = (): void => {};
    let isOver = false;
    const running = new Map<string, Running>();
    const send = (queryId: string, response: QueryResponse): void => {
      ready.push({ ...response, queryId });
      wake();
    };
    const reading = (async () => {
      for await (const request of requests) this.#take(request, running, send);
    })();
    void reading
      .catch(() => {}) // the client is gone
      .finally(() => {
        isOver = true;
        wake();
      });
    while (!isOver || ready.length > 0) {
      const next = ready.shift();
      if (next !== undefined) yield next;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  }

  #take(
    request: QueryRequest,
    running: Map<string, Running>,
    send: (queryId: string, response: QueryResponse) => void,
  ): void {
    const { cancel, credit, queryId } = request;
    const target = running.get(cancel?.queryId ?? credit?.queryId ?? "");
    if (credit !== undefined && target !== undefined) {
      target.credit = credit.bytes;
      target.wake();
    } else if (cancel !== undefined) {
      if (target !== undefined) target.stopped = true;
      target?.wake();
      this.cancelled.push(cancel.queryId);
      this.onCancel.open(cancel.queryId);
    } else if (credit === undefined) {
      const query: Running = { credit: request.options?.initialCreditBytes ?? 0, stopped: false, wake: () => {} };
      running.set(queryId, query);
      void this.#run(request, query, (response) => send(queryId, response));
    }
  }

  async #run(request: QueryRequest, query: Running, send: (response: QueryResponse) => void): Promise<void> {
    try {
      for await (const response of this.#answer(request)) {
        if (query.credit <= 0 && response.rows !== undefined) {
          send(responseWith({ suspended: true }));
          await new Promise<void>((resolve) => (query.wake = resolve));
        }
        if (query.stopped) throw new ServiceError("QUERY_CANCELLED", "cancelled");
        query.credit -= (response.rows?.rows.length ?? 0) * ROW_BYTES;
        send(response);
      }
    } catch (error) {
      const status = decodeMessage(Status, encodeStatusDetails(error as ServiceError));
      send(responseWith({ error: (error as Error).message, status, complete: true }));
    }
  }

  async *#execute({ query = QueryRequest.fromPartial({}) }: ExecuteQueryRequest): AsyncGenerator<ExecuteQueryResponse> {
    for await (const result of this.#answer(query)) yield { result };
  }

  async *#answer(request: QueryRequest): AsyncGenerator<QueryResponse> {
    this.requests.push(request);
    const refusal = this.refusal(++this.#attempts);
    if (refusal !== undefined) throw refusal;
    const [verb = "", argument = ""] = request.query.split(" ");
    if (verb === "fail") throw new ServiceError(argument as Reason, "as it was told");
    const count = verb === "rows" ? Number(argument) : 1;
    const columns = verb === "values" ? VALUES : { n: [QueryType.INT, int("1")] as const };
    yield responseWith({
      schema: { columns: Object.entries(columns).map(([name, [type]]) => ({ name, type })), parameterCount: 0 },
    });
    if (request.options?.progressInterval !== undefined)
      yield responseWith({ progress: { rowsSent: 0, elapsed: durationOfMs(7) } });
    if (verb === "wait") {
      this.onWait.open();
      await new Promise(() => {});
    }
    if (request.options?.describeOnly !== true) yield* this.#rows(request, verb, count);
    const stats = { rowCount: count, byteCount: count * ROW_BYTES, elapsed: durationOfMs(12), rowLimitReached: false };
    yield responseWith({ complete: true, stats });
  }

  *#rows({ parameters }: QueryRequest, verb: string, count: number): Generator<QueryResponse, void, undefined> {
    if (verb === "malformed") return yield rowsOf([[{ kind: { $case: "jsonValue", value: "{" } }]]);
    if (verb === "values") return yield rowsOf([Object.values(VALUES).map(([, value]) => value)]);
    if (verb === "echo") return yield rowsOf(parameters.map((value) => [value]));
    for (let n = 1; n <= count; n += BATCH_ROWS) {
      const length = Math.min(BATCH_ROWS, count - n + 1);
      this.made += length;
      yield rowsOf(Array.from({ length }, (_, index) => [int(String(n + index))]));
    }
  }
}

const VALUES: Readonly<Record<string, readonly [QueryType, QueryValue]>> = {
  __proto__x: [QueryType.BOOL, { kind: { $case: "boolValue", value: true } }],
  small: [QueryType.INT, int("9007199254740991")],
  large: [QueryType.INT, int("-9223372036854775808")],
  real: [QueryType.DOUBLE, { kind: { $case: "doubleValue", value: 0.5 } }],
  text: [QueryType.STRING, { kind: { $case: "stringValue", value: "t" } }],
  bytes: [QueryType.BYTES, { kind: { $case: "bytesValue", value: Uint8Array.of(1, 2) } }],
  time: [QueryType.TIMESTAMP, { kind: { $case: "timestampValue", value: toTimestamp(new Date(5)) } }],
  json: [QueryType.JSON, { kind: { $case: "jsonValue", value: '{"a":[1]}' } }],
  nothing: [QueryType.UNSPECIFIED, { kind: undefined }],
};

function int(value: string): QueryValue {
  return { kind: { $case: "intValue", value } };
}

function rowsOf(rows: readonly (readonly QueryValue[])[]): QueryResponse {
  return responseWith({ rows: { rows: rows.map((values) => ({ values: [...values] })) } });
}

function responseWith(fields: Partial<QueryResponse>): QueryResponse {
  return { ...QueryResponseMessage.fromPartial({}), ...fields };
}

/** A query API whose server is in this process and whose connection fails as told. */
export interface OpenQueries extends AsyncDisposable {
  readonly query: QueryApi;
  readonly server: FakeQueryServer;
  readonly transport: InMemoryTransport;
  readonly faults: Transport & FaultControls;
}

export function openQueries(plan: FaultPlan | FaultPlanner = {}): OpenQueries {
  const server = new FakeQueryServer();
  const transport = createInMemoryTransport(server.register);
  const faults = faulty(transport, plan);
  const client = createClient({ target: "in-memory", transport: faults, random: () => 0 });
  return { query: client.query, server, transport, faults, [Symbol.asyncDispose]: () => client.close() };
}
