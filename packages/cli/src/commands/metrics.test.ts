import { describe, expect, it } from "@jest/globals";
import { InvalidArgumentError, type MetricSample, type MetricSeries, type MetricWindow } from "@millrace/client-sdk";

import { runCommand } from "../run-command.test.support.js";
import { RecordingTerminal } from "../terminal.test.support.js";

const NOW = Date.UTC(2026, 0, 1);

/** Takes what is sent, but for what is named `bad`. */
function fakeSending() {
  const sent: MetricSample[] = [];
  const asked: unknown[] = [];
  const metrics = {
    async send(samples: AsyncIterable<MetricSample>, options: { readonly producerId?: string }) {
      asked.push(options.producerId);
      const rejections = [];
      for await (const sample of samples) {
        if (sample.name !== "bad") sent.push(sample);
        else
          rejections.push({
            index: sent.length,
            name: "bad",
            error: new InvalidArgumentError("value: must be finite"),
          });
      }
      const stats = new Map([["__proto__", { count: 2, sum: 3, min: 1, max: 2, avg: 1.5 }]]);
      const counts = { storedCount: sent.length, duplicateCount: 0, rejectedCount: rejections.length };
      return { ...counts, rejections, stats, truncated: false, producerId: "p", committedSequence: 9 };
    },
  } as never;
  return { sent, asked, metrics };
}

describe("millrace metrics send", () => {
  it("sends a sample per line, and prints the summary", async () => {
    const { sent, asked, metrics } = fakeSending();
    const lines = [
      '{"name":"a","value":1.5,"labels":{"x":"y"},"timestamp":"2026-01-01T00:00:00Z","kind":"gauge","unit":"ms","weight":2}',
      "",
      `{"name":"b","value":"-Infinity","timestamp":${String(NOW)}}`,
    ];
    const args = ["metrics", "send", "-", "--json", "--producer", "p"];
    const { code, stdout, closed } = await runCommand(args, { metrics, input: lines.join("\n") });
    expect({ code, closed }).toEqual({ code: 0, closed: 1 });
    expect(JSON.parse(stdout)).toEqual(
      JSON.parse(
        '{"storedCount":2,"duplicateCount":0,"rejectedCount":0,"truncated":false,"producerId":"p","committedSequence":9,"badLines":0,"rejections":[],"stats":{"__proto__":{"count":2,"sum":3,"min":1,"max":2,"avg":1.5}}}',
      ),
    );
    expect(sent).toEqual([
      { name: "a", value: 1.5, labels: { x: "y" }, timestamp: new Date(NOW), kind: "gauge", unit: "ms", weight: 2 },
      { name: "b", value: -Infinity, timestamp: new Date(NOW) },
    ]);
    expect(asked).toEqual(["p"]);
  });

  it("tells bad lines and refused samples, and ends with 1", async () => {
    const { metrics } = fakeSending();
    const bad = [
      String.raw`{"name":"a","value":1,"labels":{"a":"\ud800"}}`,
      "nope",
      "[]",
      '{"value":1}',
      '{"name":"a"}',
      '{"name":"a","value":1,"label":{}}',
    ];
    const more = ['{"name":"a","value":1,"labels":{"x":1}}', '{"name":"a","value":1,"timestamp":"soon"}'];
    const input = [...bad, ...more, '{"name":"a","value":1}'].join("\n");
    const { code, stdout, stderr } = await runCommand(["metrics", "send", "-"], { metrics, input });
    expect({ code, stdout }).toEqual({
      code: 1,
      stdout: "stored 1 samples\n  __proto__: 2 samples, sum 3, 1 to 2\n",
    });
    expect(stderr.match(/line \d+/g)).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((line) => `line ${String(line)}`));
    expect(stderr).toContain("millrace: 8 lines were left out\n");
    const refused = await runCommand(["metrics", "send", "-"], { metrics, input: '{"name":"bad","value":1}' });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('sample 2, "bad": value: must be finite');
    expect(refused.stderr).toContain("1 samples were refused");
  });
});

function window(host: string, minute: number, avg: number): MetricWindow {
  const start = new Date(NOW + minute * 60_000);
  const numbers = { count: 2, sum: 2 * avg, min: avg, max: avg, avg, stddev: 0, last: avg, quantiles: [] };
  return { labels: { host }, start, ...numbers, firstAt: start, lastAt: start };
}

describe("millrace metrics query", () => {
  const fakeQuery = (windows: readonly MetricWindow[]) => {
    const asked: { readonly from?: Date; readonly to?: Date; readonly stepMs?: number }[] = [];
    const metrics = {
      async *query(name: string, options: object) {
        asked.push({ name, ...options } as never);
        yield* windows;
      },
    } as never;
    return { asked, metrics };
  };
  const range = ["--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T00:08:00Z", "--step", "1m"];

  it("draws bars for each group, no wider than the screen", async () => {
    const windows = [window("a", 0, 1), window("a", 1, 2), window("a", 7, 3), window("b\u001b", 3, 5)];
    const { asked, metrics } = fakeQuery(windows);
    const { code, stdout } = await runCommand(["metrics", "query", "m", ...range, "--group-by", "host"], { metrics });
    expect(code).toBe(0);
    expect(stdout).toBe(
      [
        '{host="a"}',
        "  ▁▅     █",
        "  avg 1 to 3, last 3, 6 samples",
        String.raw`{host="b\u001b"}`,
        "     ▁    ",
        "  avg 5 to 5, last 5, 2 samples",
        "",
      ].join("\n"),
    );
    expect(asked[0]).toMatchObject({ name: "m", stepMs: 60_000, groupBy: ["host"], from: new Date(NOW) });
    const narrow = await runCommand(["metrics", "query", "m", ...range, "--show", "sum"], {
      ...fakeQuery(windows),
      terminal: new RecordingTerminal({ columns: 6 }),
    });
    expect(narrow.stdout.split("\n").slice(1, 3)).toEqual(["  ▁  █", "  sum 2 to 6, last 6, 6 samples"]);
  });

  it("prints an object per window with --json", async () => {
    const { asked, metrics } = fakeQuery([window("a", 0, 1), window("a", 1, 2)]);
    const args = ["metrics", "query", "m", "--json", "--quantile", "0.5", "--quantile", "0.99", "--filter", "true"];
    const { stdout } = await runCommand([...args, "--since", "2h", "--step", "30s"], { metrics });
    const lines = stdout.trimEnd().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as { readonly avg: number }).avg)).toEqual([1, 2]);
    const [{ from, to, stepMs } = {}] = asked;
    expect(asked[0]).toMatchObject({ quantiles: [0.5, 0.99], filter: "true", stepMs: 30_000 });
    expect(Number(from) % Number(stepMs)).toBe(0);
    expect(Math.abs(Number(to) - Number(from) - 7_200_000)).toBeLessThanOrEqual(30_000);
  });

  it("says that there is nothing", async () => {
    expect((await runCommand(["metrics", "query", "m"], fakeQuery([]))).stdout).toBe("no samples\n");
  });

  it.each([
    ["--since", "soon"],
    ["--since", "0s"],
    ["--from", "soon"],
    ["--quantile", "2"],
    ["--show", "all"],
  ])("refuses %s %s", async (...option) => {
    expect((await runCommand(["metrics", "query", "m", ...option], {})).code).toBe(2);
  });
});

describe("millrace metrics series", () => {
  it("prints a line for each, or JSON", async () => {
    const series: MetricSeries[] = [
      { name: "m", labels: { a: "b" }, kind: "gauge", unit: "ms", lastAt: new Date(NOW) },
      { name: "n", labels: {}, kind: undefined, unit: "", lastAt: undefined },
    ];
    const metrics = {
      async *series() {
        yield* series;
      },
    } as never;
    const { stdout } = await runCommand(["metrics", "series", "m"], { metrics });
    expect(stdout).toBe('m{a="b"}\tgauge ms 2026-01-01T00:00:00.000Z\nn{}\t\n');
    const { stdout: json } = await runCommand(["metrics", "series", "--json"], { metrics });
    expect(json.split("\n")[1]).toBe('{"name":"n","labels":{},"unit":""}');
  });
});
