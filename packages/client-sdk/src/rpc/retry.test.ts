import { describe, expect, it } from "@jest/globals";

import { CancelledError, InternalError, type StreamingError, UnavailableError } from "../errors.js";
import type { RetryPolicy } from "../options.js";
import { VirtualClock } from "../testing/virtual-clock.js";
import { RetryBudget } from "./retry-budget.js";
import { type Outcome, retrying } from "./retry.js";
import { errorOf } from "./tiny-server.test.support.js";

const lost = (retryAfterMs?: number) =>
  new UnavailableError("lost", { origin: "transport", retryable: true, retryAfterMs });

function setUp(deadline?: number) {
  const clock = new VirtualClock(0);
  const control = new AbortController();
  const budget = new RetryBudget();
  const attempts: number[] = [];
  const deps = { clock, random: () => 0.5, budget, signal: control.signal, deadline, onWait: () => undefined };
  const run = (policy: RetryPolicy | false, failures: readonly StreamingError[]): Promise<string> =>
    retrying(policy, deps, (number): Promise<Outcome<string>> => {
      attempts.push(clock.now());
      const error = failures[number - 1];
      return Promise.resolve(error === undefined ? { value: "done" } : { error });
    });
  return { clock, control, budget, attempts, run };
}

describe("retrying", () => {
  it("waits half of 100, 200 and 400 ms when chance says one half", async () => {
    const { clock, attempts, run } = setUp();
    const result = run({}, [lost(), lost(), lost()]);
    await clock.untilPending(1);
    await clock.advance(1000);
    expect(await result).toBe("done");
    expect(attempts).toEqual([0, 50, 150, 350]);
  });

  it("waits as long as the server wants", async () => {
    const { clock, attempts, run } = setUp();
    const result = run({}, [lost(7000)]);
    await clock.untilPending(1);
    await clock.advance(10_000);
    await result;
    expect(attempts).toEqual([0, 7350]);
  });

  it("does not wait beyond the deadline", async () => {
    const { clock, run } = setUp(5000);
    expect((await errorOf(run({}, [lost(7000)]))).kind).toBe("unavailable");
    expect(clock.pending).toBe(0);
  });

  it("stops when the client's budget is used up", async () => {
    const { budget, attempts, run } = setUp();
    for (let n = 0; n < 5; n++) budget.failed();
    await errorOf(run({ maxAttempts: 100 }, [lost()]));
    expect(attempts).toHaveLength(1);
  });

  it("does not repeat what cannot help, nor anything without a policy", async () => {
    const { attempts, run } = setUp();
    await errorOf(run({}, [new InternalError("broken")]));
    await errorOf(run(false, [lost()]));
    expect(attempts).toHaveLength(2);
  });

  it("ends with the signal's reason during a backoff and leaves no timer", async () => {
    const { clock, control, run } = setUp();
    const result = errorOf(run({}, [lost()]));
    await clock.untilPending(1);
    const reason = new CancelledError("by the caller");
    control.abort(reason);
    expect(await result).toBe(reason);
    expect(reason.attempts).toMatchObject([{ message: "lost", startedAt: 0, ms: 0 }]);
    expect(clock.pending).toBe(0);
  });
});
