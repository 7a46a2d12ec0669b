import { describe, expect, it } from "@jest/globals";
import { ServiceError, StatusCode } from "@millrace/shared-types";

import { contextOf } from "../files/files-fixture.test.support.js";
import { latch } from "../testing/latch.js";
import { RecordingLogger } from "../testing/recording-logger.js";

import { inTime, openBatchFixture, outcomesOf, run, TestProcessor, texts } from "./batch-fixture.test.support.js";

describe("an item", () => {
  it.each([
    ["UNAVAILABLE", new ServiceError("BACKEND_UNAVAILABLE", "no"), 3],
    ["ABORTED, if that may go away", new ServiceError("STREAM_STALLED", "no"), 3],
    ["ABORTED, if that will not go away", new ServiceError("REVISION_MISMATCH", "no"), 1],
    ["anything else", new ServiceError("QUOTA_EXCEEDED", "no"), 1],
  ])("has as many attempts as it may if it fails with %s", async (_, failure, attempts) => {
    const test = new TestProcessor(() => {
      throw failure;
    });
    await using fixture = await openBatchFixture(test);
    const { results } = await inTime(fixture, run(fixture, texts("x"), { maxAttempts: 3 }), 100);
    expect(results[0]).toMatchObject({ attempts, status: { code: failure.code, message: "no" } });
    expect(test.runs.map(({ context }) => context.attempt)).toEqual([1, 2, 3].slice(0, attempts));
  });

  it("is not tried again unless it is asked for, and no more once it has succeeded", async () => {
    const test = new TestProcessor(({ context }) => {
      if (context.attempt === 1) throw new ServiceError("BACKEND_UNAVAILABLE", "no", { retryAfterMs: 50 });
      return "";
    });
    await using fixture = await openBatchFixture(test);
    expect(outcomesOf(await run(fixture, texts("x")))).toEqual(["failed"]);
    const { results } = await inTime(fixture, run(fixture, texts("x"), { maxAttempts: 9 }), 10);
    expect(results[0]?.attempts).toBe(2);
    expect(results[0]?.elapsed).toEqual({ seconds: 0, nanos: 50_000_000 });
  });

  it("fails with DEADLINE_EXCEEDED when its time is over: the processor is told, and left behind if it goes on", async () => {
    const signals: AbortSignal[] = [];
    const test = new TestProcessor(({ context }) => {
      signals.push(context.signal);
      return new Promise(() => {});
    });
    await using fixture = await openBatchFixture(test);
    const log = new RecordingLogger();
    const context = { ...contextOf(), log };
    const itemTimeout = { seconds: 2, nanos: 0 };
    const { results } = await inTime(fixture, run(fixture, texts("x"), { itemTimeout, maxAttempts: 3 }, context), 500);
    expect(results[0]).toMatchObject({ attempts: 1, status: { code: StatusCode.DEADLINE_EXCEEDED } });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    expect(log.lines.map(({ message }) => message)).toEqual([
      "a processor did not stop when it should; it is left behind",
    ]);
  });

  it("that ends in the second after its time was over has succeeded", async () => {
    const test = new TestProcessor(
      ({ context }) => new Promise((resolve) => context.signal.addEventListener("abort", () => resolve("late"))),
    );
    await using fixture = await openBatchFixture(test);
    const itemTimeout = { seconds: 2, nanos: 0 };
    expect(outcomesOf(await inTime(fixture, run(fixture, texts("x"), { itemTimeout }), 500))).toEqual(["succeeded"]);
  });

  it("that fails in a way that nobody foresaw is INTERNAL with an id; the cause is in the log and nowhere else", async () => {
    const test = new TestProcessor(() => {
      throw new Error("password is hunter2");
    });
    await using fixture = await openBatchFixture(test);
    const log = new RecordingLogger();
    const { results } = await run(fixture, texts("x"), {}, { ...contextOf(), log });
    expect(results[0]?.status).toMatchObject({ code: StatusCode.INTERNAL, message: "internal error" });
    expect(Buffer.from(results[0]?.status?.details[0]?.value ?? []).toString()).toContain("r1-0");
    expect(JSON.stringify(results)).not.toContain("hunter2");
    expect(log.lines[0]).toMatchObject({ message: "a processor failed", fields: { errorId: "r1-0" } });
    expect(String(log.lines[0]?.fields["err"])).toContain("hunter2");
  });

  it("that waits for its next attempt stops waiting when its call ends", async () => {
    const failed = latch();
    const test = new TestProcessor(() => {
      failed.open();
      throw new ServiceError("BACKEND_UNAVAILABLE", "no", { retryAfterMs: 3_600_000 });
    });
    await using fixture = await openBatchFixture(test);
    const abort = new AbortController();
    const running = run(fixture, texts("x"), { maxAttempts: 2 }, { ...contextOf(), signal: abort.signal });
    await failed.promise;
    await new Promise((resolve) => setImmediate(resolve));
    const reason = new Error("gone");
    abort.abort(reason);
    await expect(running).rejects.toBe(reason);
  });
});
