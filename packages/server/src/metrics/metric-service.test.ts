import { describe, expect, it } from "@jest/globals";
import {
  ExportMetricsRequest,
  ListSeriesRequest,
  type PartialMessage,
  ServiceError,
  StreamMetricsRequest,
  type StreamMetricsResponse,
} from "@millrace/shared-types";

import { callOf, contextOf } from "../files/files-fixture.test.support.js";
import { latch } from "../testing/latch.js";
import { RecordingLogger } from "../testing/recording-logger.js";

import { exportMetrics } from "./export-metrics.js";
import { listSeries } from "./list-series.js";
import {
  at,
  collect,
  messagesOf,
  numberedSamples,
  openMetricsFixture,
  query,
  sample,
  streamOf,
  withAppend,
} from "./metrics-fixture.test.support.js";
import type { MetricsDeps } from "./metrics-deps.js";
import { streamMetrics } from "./stream-metrics.js";
import { metricsUpkeep } from "./upkeep.js";

function request(requestId: number, batch: PartialMessage<ExportMetricsRequest>): StreamMetricsRequest {
  return StreamMetricsRequest.fromPartial({ requestId, export: batch });
}

async function responsesTo(
  deps: MetricsDeps,
  requests: Iterable<StreamMetricsRequest> | AsyncIterable<StreamMetricsRequest>,
  context = contextOf(),
): Promise<StreamMetricsResponse[]> {
  const stream = Symbol.asyncIterator in requests ? requests : streamOf(requests);
  const responses: StreamMetricsResponse[] = [];
  for await (const response of streamMetrics(stream, context, deps)) responses.push(response);
  return responses;
}

describe("StreamMetrics", () => {
  it("acknowledges each batch with what became of its samples, in order", async () => {
    await using opened = openMetricsFixture();
    const responses = await responsesTo(opened.metrics, [
      request(7, { producerId: "p", metrics: numberedSamples("", 1, [1, 2]) }),
      request(8, { metrics: [...numberedSamples("", 2, [2, 3]), sample({ sequence: 4, value: Number.NaN })] }),
    ]);
    expect(responses).toMatchObject([
      { requestId: 7, acceptedCount: 2, duplicateCount: 0, rejections: [], committedSequence: 2 },
      { requestId: 8, acceptedCount: 1, duplicateCount: 1, committedSequence: 4 },
    ]);
    expect(messagesOf(responses[1]?.rejections ?? [])).toEqual(["2: value: must be finite"]);
  });

  it("says how far a producer is when it is asked without samples", async () => {
    await using opened = openMetricsFixture();
    await collect(opened.metrics, numberedSamples("p", 1, [1, 2, 3]));
    const responses = await responsesTo(opened.metrics, [request(1, { producerId: "p" })]);
    expect(responses).toMatchObject([{ requestId: 1, acceptedCount: 0, committedSequence: 3 }]);
  });

  it("tells every sample that it refused, not only a hundred", async () => {
    await using opened = openMetricsFixture();
    const metrics = Array.from({ length: 10_000 }, () => sample({ value: Infinity }));
    const [response] = await responsesTo(opened.metrics, [request(1, { metrics })]);
    expect(response?.rejections).toHaveLength(10_000);
  });

  it("ends with LIMIT_EXCEEDED for a batch that is too large, and with PROTOCOL_VIOLATION for another producer", async () => {
    await using opened = openMetricsFixture();
    const large = request(1, { metrics: Array.from({ length: 10_001 }, () => sample()) });
    await expect(responsesTo(opened.metrics, [large])).rejects.toMatchObject({ reason: "LIMIT_EXCEEDED" });
    const two = [request(1, { producerId: "p" }), request(2, { producerId: "q" })];
    await expect(responsesTo(opened.metrics, two)).rejects.toMatchObject({ reason: "PROTOCOL_VIOLATION" });
  });

  it("ends with the first batch that cannot be stored, and stores none after it", async () => {
    let calls = 0;
    await using opened = openMetricsFixture({}, (store) =>
      withAppend(store, async () => {
        if (calls++ === 1) throw new ServiceError("BACKEND_UNAVAILABLE", "for a moment");
      }),
    );
    const batches = [1, 2, 3].map((n) => request(n, { producerId: "p", metrics: numberedSamples("", n, [n]) }));
    const responses: number[] = [];
    const stream = async (): Promise<void> => {
      for await (const { requestId } of streamMetrics(streamOf(batches), contextOf(), opened.metrics)) {
        responses.push(requestId);
      }
    };
    await expect(stream()).rejects.toMatchObject({ reason: "BACKEND_UNAVAILABLE" });
    expect(responses).toEqual([1]);
    expect(await query(opened.metrics)).toMatchObject([{ aggregate: { count: 1 } }]);
  });

  it("answers what it has taken when the server drains, and says that it does", async () => {
    await using opened = openMetricsFixture();
    const drain = new AbortController();
    const answered = latch();
    const waiting = async function* () {
      yield request(1, { metrics: [sample()] });
      await answered.promise;
      drain.abort();
      await new Promise(() => {}); // the client has more, some time
    };
    const context = { ...callOf().context, draining: drain.signal };
    const responses: number[] = [];
    const stream = async (): Promise<void> => {
      for await (const { requestId } of streamMetrics(waiting(), context, opened.metrics)) {
        responses.push(requestId);
        answered.open();
      }
    };
    await expect(stream()).rejects.toMatchObject({ reason: "DRAINING" });
    expect(responses).toEqual([1]);
  });
});

describe("ExportMetrics", () => {
  it("stores a batch once, and answers with its summary", async () => {
    await using opened = openMetricsFixture();
    const batch = ExportMetricsRequest.fromPartial({ producerId: "p", metrics: numberedSamples("", 1, [1, 2]) });
    const { summary } = await exportMetrics(batch, contextOf(), opened.metrics);
    expect(summary).toMatchObject({ totalCount: 2, aggregates: new Map([["m", 3]]), committedSequence: 2 });
    const again = await exportMetrics(batch, contextOf(), opened.metrics);
    expect(again.summary).toMatchObject({ totalCount: 0, duplicateCount: 2 });
  });
});

describe("QueryMetrics", () => {
  const hosts = ["a", "b"].map(
    (host) =>
      new Map([
        ["host", host],
        ["zone", "z"],
      ]),
  );

  it("gives a window for each group and step, without empty ones", async () => {
    await using opened = openMetricsFixture();
    const samples = [-300, -250, -100, -1].flatMap((ms, n) =>
      hosts.map((labels, index) => sample({ labels, timestamp: at(ms), value: 10 ** n * (index + 1) })),
    );
    await collect(opened.metrics, [...samples, sample({ name: "other" })]);
    const step = { seconds: 0, nanos: 100_000_000 };
    const windows = await query(opened.metrics, {
      groupBy: ["host", "none"],
      startTime: at(-300),
      endTime: at(0),
      step,
    });
    const told = windows.map(({ labels, windowStart, aggregate }) => [labels.get("host"), windowStart, aggregate?.sum]);
    expect(told).toEqual([
      ["a", at(-300), 11],
      ["a", at(-100), 1100],
      ["b", at(-300), 22],
      ["b", at(-100), 2200],
    ]);
    expect(windows[0]?.labels).toEqual(new Map([["host", "a"]]));
  });

  it("gives one window over all series, from the oldest sample that is kept to now, if nothing else is asked for", async () => {
    await using opened = openMetricsFixture();
    await collect(opened.metrics, [
      ...hosts.map((labels) => sample({ labels, value: 2 })),
      sample({ timestamp: at(-1e9) }),
    ]);
    const windows = await query(opened.metrics, { quantiles: [0.5, 1] });
    expect(windows).toMatchObject([
      { labels: new Map(), aggregate: { count: 3, sum: 5, quantiles: [{ quantile: 0.5 }, { quantile: 1, value: 2 }] } },
    ]);
    expect(await query(opened.metrics, { name: "unknown" })).toEqual([]);
  });

  it("selects series by a filter over their labels, name and unit", async () => {
    await using opened = openMetricsFixture();
    await collect(
      opened.metrics,
      hosts.map((labels) => sample({ labels, unit: labels.get("host") === "a" ? "ms" : "" })),
    );
    for (const filter of [
      'labels.host == "a"',
      'labels["host"] in ["a"]',
      'series.unit == "ms"',
      'labels.host < "b"',
    ]) {
      expect(await query(opened.metrics, { filter })).toMatchObject([{ aggregate: { count: 1 } }]);
    }
    expect(await query(opened.metrics, { filter: 'labels.missing == "a"' })).toEqual([]);
  });

  it.each([
    ["no name", { name: "" }, "INVALID_FIELD"],
    ["a filter that is none", { filter: "labels.(" }, "INVALID_FILTER"],
    ["a quantile above 1", { quantiles: [1.5] }, "INVALID_FIELD"],
    ["a quantile that is no number", { quantiles: [Number.NaN] }, "INVALID_FIELD"],
    ["too many quantiles", { quantiles: Array.from({ length: 21 }, () => 0.5) }, "LIMIT_EXCEEDED"],
    ["too many labels", { groupBy: Array.from({ length: 31 }, () => "a") }, "LIMIT_EXCEEDED"],
    ["an end before the start", { startTime: at(1), endTime: at(0) }, "INVALID_FIELD"],
    ["a step of nothing", { step: { seconds: 0, nanos: 1000 } }, "INVALID_FIELD"],
    ["a negative step", { step: { seconds: -1, nanos: 0 } }, "INVALID_FIELD"],
    ["a start that is no moment", { startTime: { seconds: 1e15, nanos: 0 } }, "INVALID_FIELD"],
    ["too many windows", { step: { seconds: 0, nanos: 1_000_000 } }, "LIMIT_EXCEEDED"],
  ])("refuses %s", async (_, fields, reason) => {
    await using opened = openMetricsFixture();
    await collect(opened.metrics, [sample()]);
    await expect(query(opened.metrics, fields)).rejects.toMatchObject({ reason });
  });

  it("counts the windows of all groups", async () => {
    await using opened = openMetricsFixture();
    await collect(
      opened.metrics,
      hosts.map((labels) => sample({ labels })),
    );
    const range = { startTime: at(-60_000), endTime: at(0), step: { seconds: 0, nanos: 1_000_000 } };
    expect(await query(opened.metrics, range)).toEqual([]);
    const failure = query(opened.metrics, { ...range, groupBy: ["host"] });
    await expect(failure).rejects.toMatchObject({
      reason: "LIMIT_EXCEEDED",
      metadata: { limit: "max_query_windows", max: "100000", actual: "120000" },
    });
  });

  it("stops when its caller does", async () => {
    await using opened = openMetricsFixture();
    await collect(opened.metrics, [sample()]);
    const { context, abort } = callOf();
    abort(new Error("gone"));
    const { queryMetrics } = await import("./query-metrics.js");
    const { QueryMetricsRequest } = await import("@millrace/shared-types");
    const stream = queryMetrics(QueryMetricsRequest.fromPartial({ name: "m" }), context, opened.metrics);
    await expect(stream.next()).rejects.toThrow("gone");
  });
});

describe("ListSeries", () => {
  it("lists page by page what begins with a prefix and meets a filter", async () => {
    await using opened = openMetricsFixture();
    const labels = (n: number): Map<string, string> => new Map([["n", String(n)]]);
    const samples = Array.from({ length: 7 }, (_, n) =>
      sample({ name: "a.b", labels: labels(n), kind: 1, unit: "By" }),
    );
    await collect(opened.metrics, [...samples, sample({ name: "c" })]);
    const found: string[] = [];
    for (let pageToken = ""; ;) {
      const page = ListSeriesRequest.fromPartial({
        namePrefix: "a",
        filter: 'labels.n != "3"',
        pageSize: 4,
        pageToken,
      });
      const { series, nextPageToken } = await listSeries(page, contextOf(), opened.metrics);
      expect(series[0]).toMatchObject({ name: "a.b", kind: 1, unit: "By", lastTime: at(0) });
      found.push(...series.map((each) => each.labels.get("n") ?? ""));
      pageToken = nextPageToken;
      if (pageToken === "") break;
    }
    expect(found).toEqual(["0", "1", "2", "4", "5", "6"]);
  });

  it("refuses a token of another listing, and a filter that is none", async () => {
    await using opened = openMetricsFixture();
    await collect(opened.metrics, [sample(), sample({ name: "n" })]);
    const list = (fields: PartialMessage<ListSeriesRequest>) =>
      listSeries(ListSeriesRequest.fromPartial(fields), contextOf(), opened.metrics);
    const { nextPageToken: pageToken } = await list({ pageSize: 1 });
    await expect(list({ pageToken, namePrefix: "m" })).rejects.toMatchObject({ reason: "INVALID_CURSOR" });
    await expect(list({ filter: "labels." })).rejects.toMatchObject({ reason: "INVALID_FILTER" });
    await expect(list({ pageSize: -1 })).rejects.toMatchObject({ reason: "INVALID_FIELD" });
  });
});

describe("the upkeep of metrics", () => {
  it("removes what is older than the retention, once a period", async () => {
    await using opened = openMetricsFixture({ retentionMs: 3_600_000 });
    await collect(opened.metrics, [sample({ timestamp: at(-3_599_000) }), sample()]);
    opened.clock.advance(600_000);
    await new Promise(setImmediate);
    const windows = await query(opened.metrics, { startTime: at(-1e9) });
    expect(windows).toMatchObject([{ aggregate: { count: 1 } }]);
    expect(opened.clock.timers).toBe(1);
  });

  it("tells the log of a failure, and goes on in the next period", async () => {
    const logger = new RecordingLogger();
    const store = { sweep: () => Promise.reject(new Error("no disk")) } as never;
    await using opened = openMetricsFixture();
    await using _ = metricsUpkeep({ ...opened.metrics, store, logger });
    opened.clock.advance(600_000);
    await new Promise(setImmediate);
    expect(logger.lines.map(({ message }) => message)).toEqual(["removing old samples failed; trying again later"]);
    expect(opened.clock.timers).toBe(2); // also that of the fixture's own
  });
});
