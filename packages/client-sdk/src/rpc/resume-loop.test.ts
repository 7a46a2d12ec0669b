import { describe, expect, it } from "@jest/globals";

import { AbortedError, CancelledError, UnauthenticatedError, UnavailableError } from "../errors.js";
import type { ResumePolicy } from "../options.js";
import { VirtualClock } from "../testing/virtual-clock.js";
import { openResumeLoop } from "./resume-loop.js";
import { errorOf } from "./tiny-server.test.support.js";

const lost = (retryAfterMs?: number) =>
  new UnavailableError("lost", { origin: "transport", retryable: true, retryAfterMs });

function setUp(policy?: ResumePolicy | false) {
  const clock = new VirtualClock(0);
  const control = new AbortController();
  const closing = new AbortController();
  const resumed: unknown[] = [];
  const waits: number[] = [];
  const loop = openResumeLoop({
    policy,
    signal: control.signal,
    closing: closing.signal,
    clock,
    random: () => 1,
    onWait: (_error, _failures, delayMs) => waits.push(delayMs),
    onResumed: (position, _method, lostMs) => resumed.push({ position, lostMs }),
  });
  /** Fails once and lets the backoff pass. */
  const fail = async (error: unknown = lost(), position?: string): Promise<void> => {
    const waiting = loop.waitAfter(error, position);
    await clock.untilPending(1);
    await clock.advance(waits.at(-1) ?? 0);
    await waiting;
  };
  return { clock, control, closing, loop, waits, resumed, fail };
}

describe("a resume loop", () => {
  it("waits longer each time, and starts anew after progress", async () => {
    const { loop, waits, fail } = setUp();
    for (let n = 0; n < 3; n++) await fail();
    loop.progressed();
    await fail();
    expect(waits).toEqual([100, 200, 400, 100]);
    expect(loop.attempts).toBe(5);
  });

  it("gives up after maxAttempts failures in a row, with all attempts and the position", async () => {
    const { loop, fail } = setUp({ maxAttempts: 3 });
    await fail();
    await fail();
    const error = await errorOf(loop.waitAfter(lost(), "42"));
    expect(error).toMatchObject({ kind: "unavailable", position: "42" });
    expect(error.attempts).toHaveLength(3);
  });

  it("gives up when maxElapsedMs would be over", async () => {
    const { loop, fail } = setUp({ maxElapsedMs: 250 });
    await fail();
    await expect(loop.waitAfter(lost())).rejects.toMatchObject({ kind: "unavailable" });
  });

  it("counts time from the failure on, not the quiet time before it", async () => {
    const { clock, fail, waits } = setUp({ maxElapsedMs: 250 });
    await clock.advance(60_000);
    await fail();
    expect(waits).toEqual([100]);
  });

  it("keeps the last 32 attempts", async () => {
    const { loop, fail } = setUp({ maxAttempts: 41, backoff: { maxMs: 1 } });
    for (let n = 0; n < 40; n++) await fail();
    expect((await errorOf(loop.waitAfter(lost()))).attempts).toHaveLength(32);
  });

  it("waits as long as the server wants", async () => {
    const { waits, fail } = setUp();
    await fail(lost(1000));
    expect(waits).toEqual([1100]);
  });

  it("does not repeat final failures, nor anything if it must not", async () => {
    const preempted = new AbortedError("taken over");
    await expect(setUp().loop.waitAfter(preempted)).rejects.toBe(preempted);
    await expect(setUp(false).loop.waitAfter(lost())).rejects.toMatchObject({ kind: "unavailable" });
  });

  it("lets the policy decide instead", async () => {
    const { fail, loop } = setUp({ shouldResume: ({ kind }) => kind === "aborted" });
    await fail(new AbortedError("taken over"));
    await expect(loop.waitAfter(lost())).rejects.toMatchObject({ kind: "unavailable" });
  });

  it("rethrows what is no failure of a call", async () => {
    const bug = new TypeError("x is not a function");
    await expect(setUp().loop.waitAfter(bug)).rejects.toBe(bug);
  });

  it("tries renewed credentials once, until there is progress", async () => {
    const expired = () => new UnauthenticatedError("expired", { origin: "server", retryable: true });
    const { loop, fail } = setUp();
    await fail(expired());
    loop.progressed();
    await fail(expired());
    await expect(loop.waitAfter(expired())).rejects.toMatchObject({ kind: "unauthenticated" });
  });

  it("ends at once when the caller's signal aborts during a backoff, and leaves no timer", async () => {
    const { clock, control, loop } = setUp();
    const waiting = errorOf(loop.waitAfter(lost(), "7"));
    await clock.untilPending(1);
    control.abort("enough");
    expect(await waiting).toMatchObject({ kind: "cancelled", cause: "enough", position: "7", attempts: [{}] });
    expect(clock.pending).toBe(0);
  });

  it("ends at once with the client's error when the client is closed during a backoff", async () => {
    const { clock, closing, loop } = setUp();
    const waiting = errorOf(loop.waitAfter(lost()));
    await clock.untilPending(1);
    const closed = new UnavailableError("the client was closed");
    closing.abort(closed);
    expect(await waiting).toBe(closed);
    expect(clock.pending).toBe(0);
  });

  it("does not begin a backoff if the signal was aborted before", async () => {
    const { clock, control, loop } = setUp();
    control.abort(new CancelledError("own reason"));
    await expect(loop.waitAfter(lost())).rejects.toThrow("own reason");
    expect(clock.pending).toBe(0);
  });

  it("tells how long a call was interrupted", async () => {
    const { loop, resumed, fail } = setUp();
    loop.progressed();
    await fail(lost(), "3");
    await fail(lost(), "3");
    loop.progressed();
    loop.progressed();
    expect(resumed).toEqual([{ position: "3", lostMs: 300 }]);
  });
});
