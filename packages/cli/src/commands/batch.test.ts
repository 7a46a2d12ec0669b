import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";
import {
  type BatchItem,
  type BatchItemResult,
  CancelledError,
  InvalidArgumentError,
  type ProcessOptions,
} from "@millrace/client-sdk";

import { type CommandRun, runCommand } from "../run-command.test.support.js";

/** Runs items in memory; fails those with the id "bad", and gives back the payload of others. */
function fakeBatch() {
  const items: BatchItem[] = [];
  const asked: object[] = [];
  const process = async (
    source: AsyncIterable<BatchItem>,
    { onResult, signal: _, ...options }: ProcessOptions,
  ): Promise<object> => {
    asked.push(options);
    const counts = { succeeded: 0, failed: 0 };
    for await (const item of source) {
      const outcome = item.id === "bad" ? "failed" : "succeeded";
      counts[outcome]++;
      const output = outcome === "failed" ? new Uint8Array(0) : Buffer.from(item.payload ?? "");
      const error = outcome === "failed" ? new InvalidArgumentError("too bad") : undefined;
      const facts = { index: items.length, id: item.id ?? "", outcome, error, output, replayed: false, attempts: 1 };
      await onResult?.({ ...facts, item, text: () => output.toString() } as unknown as BatchItemResult);
      items.push(item);
    }
    return { batchId: "b", processed: items.length, ...counts, skipped: 0, replayed: 0, failures: [] };
  };
  return { items, asked, batch: { process } as never };
}

function run(input: string, ...args: readonly string[]): Promise<CommandRun> & ReturnType<typeof fakeBatch> {
  const fake = fakeBatch();
  return Object.assign(runCommand(["batch", ...args], { batch: fake.batch, input }), fake);
}

const LINES = [
  '{"payload":{"n": 12345678901234567890},"id":"a","idempotencyKey":"k","orderingKey":"o"}',
  "",
  '{"payload":"plain","contentType":"text/plain","attributes":{"a":"b"},"operation":"echo"}',
  '{"payloadBase64":"AP8="}',
  "{}",
].join("\n");

describe("millrace batch", () => {
  it("runs each line as an item and prints the totals", async () => {
    const running = run(LINES, "sha256", "-", "--max-concurrency", "3", "--batch-id", "b", "--on-failure", "stop");
    const { code, stdout, stderr } = await running;
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: "batch b: 4 succeeded, 0 failed, 0 skipped\n",
      stderr: "",
    });
    expect(running.items).toEqual([
      {
        line: 1,
        payload: '{"n": 12345678901234567890}',
        contentType: "application/json",
        id: "a",
        idempotencyKey: "k",
        orderingKey: "o",
      },
      { line: 3, payload: "plain", contentType: "text/plain", attributes: { a: "b" }, operation: "echo" },
      { line: 4, payload: Buffer.of(0, 255) },
      { line: 5 },
    ]);
    expect(running.asked).toEqual([
      { operation: "sha256", maxConcurrency: 3, batchId: "b", onFailure: "stop", omitOutputs: true },
    ]);
  });

  it("prints a line for each result and one for the totals with --json", async () => {
    const { stdout, code } = await run(`${LINES}\n{"id":"bad"}`, "echo", "-", "--json");
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    expect(lines).toEqual([
      { line: 1, index: 0, id: "a", outcome: "succeeded", output: '{"n": 12345678901234567890}', attempts: 1 },
      { line: 3, index: 1, outcome: "succeeded", output: "plain", attempts: 1 },
      { line: 4, index: 2, outcome: "succeeded", outputBase64: "AP8=", attempts: 1 },
      { line: 5, index: 3, outcome: "succeeded", attempts: 1 },
      {
        line: 6,
        index: 4,
        id: "bad",
        outcome: "failed",
        error: { code: "INVALID_ARGUMENT", message: "too bad" },
        attempts: 1,
      },
      { batchId: "b", processed: 5, succeeded: 4, failed: 1, skipped: 0, replayed: 0, badLines: 0 },
    ]);
    expect(code).toBe(1);
  });

  it("fails if an item failed, and tells which lines", async () => {
    const { code, stdout, stderr } = await run('{"id":"bad"}\n{"id":"good"}\n{"id":"bad"}', "echo", "-");
    expect(code).toBe(1);
    expect(stdout).toBe("batch b: 1 succeeded, 2 failed, 0 skipped\n");
    expect(stderr).toMatch(/line 1: too bad\n.*line 3: too bad\n.*2 items failed/s);
  });

  it("leaves out lines that are no items, and fails at the end", async () => {
    const lines = ["nope", "[]", '{"id":1}', '{"x":1}', '{"payload":1,"payloadBase64":""}', '{"payloadBase64":"%"}'];
    const wrong = [
      ...lines,
      '{"attributes":{"a":1}}',
      '{"payload":1,"contentType":"text/plain"}',
      String.raw`{"id":"\ud800"}`,
    ];
    const { code, stderr, stdout } = await run([...wrong, "{}"].join("\n"), "echo", "-");
    expect(code).toBe(1);
    expect(stdout).toBe("batch b: 1 succeeded, 0 failed, 0 skipped\n");
    for (const [index] of wrong.entries()) expect(stderr).toContain(`line ${String(index + 1)}: `);
    expect(stderr).toContain("9 lines were left out");
  });

  it("takes each line as a payload with --raw, from a file too", async () => {
    const dir = await mkdtemp(join(tmpdir(), "batch-"));
    try {
      await writeFile(join(dir, "lines.txt"), "one\n\n two\n");
      const running = run("", "sha256", join(dir, "lines.txt"), "--raw", "--dry-run");
      expect((await running).code).toBe(0);
      expect(running.items).toEqual([
        { line: 1, payload: "one" },
        { line: 3, payload: " two" },
      ]);
      expect(running.asked[0]).toMatchObject({ dryRun: true, onFailure: "continue" });
      const missing = await run("", "sha256", join(dir, "nothing.txt"));
      expect(missing.code).toBe(1);
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it("says how to go on after a failure and after Ctrl-C", async () => {
    const failing = { process: () => Promise.reject(new InvalidArgumentError("no such thing")) } as never;
    const failed = await runCommand(["batch", "echo", "-", "--batch-id", "b"], { batch: failing, input: "{}" });
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(/go on with --batch-id b\n.*no such thing/s);
    const signal = AbortSignal.abort();
    const aborted = { process: () => Promise.reject(new CancelledError("cancelled by the caller")) } as never;
    const interrupted = await runCommand(["batch", "echo", "-"], { batch: aborted, input: "{}", signal });
    expect(interrupted.code).toBe(130);
    expect(interrupted.stderr).toMatch(/go on with --batch-id [0-9a-f-]{36}\n/);
  });

  it("refuses options that are none", async () => {
    expect((await run("", "echo", "-", "--max-concurrency", "0")).code).toBe(2);
    expect((await run("", "echo", "-", "--on-failure", "explode")).code).toBe(2);
    expect((await run("", "echo")).code).toBe(2);
  });
});
