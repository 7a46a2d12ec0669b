import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";
import { type EventHandler, NotFoundError, type SubscribeOptions, type WatchedEvent } from "@millrace/client-sdk";

import { runCommand } from "../run-command.test.support.js";
import { someEvent } from "../some-event.test.support.js";

/** Gives each event to the handler, in order, and ends when it is closed or with `failure`. */
function fakeSubscription(given: readonly WatchedEvent[], failure?: Error) {
  const asked: unknown[] = [];
  const outcomes: string[] = [];
  const interrupt = new AbortController();
  const events = {
    subscribe(reference: unknown, handler: EventHandler, { onHandlerError, concurrency }: SubscribeOptions) {
      asked.push(reference, concurrency);
      const closing = Promise.withResolvers<void>();
      const run = async () => {
        for (const event of given) {
          try {
            await handler(event, { attempt: 2, signal: new AbortController().signal });
            outcomes.push(`${event.id} acknowledged`);
          } catch (error) {
            outcomes.push(`${event.id} failed`);
            onHandlerError?.(error, event);
          }
        }
        if (failure) return { type: "failed", error: failure };
        interrupt.abort();
        await closing.promise;
        return { type: "completed" };
      };
      return { closed: run(), close: () => closing.resolve() };
    },
  };
  return { asked, outcomes, signal: interrupt.signal, events: events as never };
}

describe("millrace subscribe", () => {
  it("prints each event, which is acknowledged then, until Ctrl-C", async () => {
    const { asked, outcomes, ...setup } = fakeSubscription([someEvent(1), someEvent(2)]);
    const { code, stdout } = await runCommand(["subscribe", "work"], setup);
    expect(code).toBe(0);
    expect(stdout).toContain("       2  2026-01-02T03:04:05Z  order.created  payload 2\n");
    expect(asked).toEqual(["work", 1]);
    expect(outcomes).toEqual(["id-1 acknowledged", "id-2 acknowledged"]);
  });

  it("makes the subscription if that is wanted", async () => {
    const { asked, ...setup } = fakeSubscription([]);
    await runCommand(["subscribe", "work", "--create", "--type", "a", "--from", "beginning"], setup);
    expect(asked[0]).toEqual({ name: "work", create: { types: ["a"], from: "beginning" } });
  });

  it("fails as the subscription does", async () => {
    const { code, stderr } = await runCommand(["subscribe", "no"], fakeSubscription([], new NotFoundError("none")));
    expect({ code, stderr }).toEqual({ code: 1, stderr: "millrace: NOT_FOUND: none\n" });
  });

  it("runs a command for each event, with its payload and what it is", async () => {
    const folder = await mkdtemp(join(tmpdir(), "subscribe-"));
    const path = join(folder, "out");
    const { asked, ...setup } = fakeSubscription([someEvent(1, { key: "k" }), someEvent(2)]);
    const line = "$MILLRACE_EVENT_ID $MILLRACE_EVENT_TYPE $MILLRACE_EVENT_KEY $MILLRACE_EVENT_ATTEMPT";
    const exec = `(echo "${line}"; cat; echo) >> '${path}'`;
    const { code } = await runCommand(["subscribe", "work", "--concurrency", "3", "--exec", exec], setup);
    expect(code).toBe(0);
    expect(asked[1]).toBe(3);
    expect(await readFile(path, "utf8")).toBe("id-1 order.created k 2\npayload 1\nid-2 order.created  2\npayload 2\n");
    await rm(folder, { recursive: true });
  });

  it("gives the command JSON if that is wanted", async () => {
    const folder = await mkdtemp(join(tmpdir(), "subscribe-"));
    const path = join(folder, "out");
    const { outcomes, ...setup } = fakeSubscription([someEvent(1)]);
    await runCommand(["subscribe", "work", "--json", "--exec", `cat > '${path}'`], setup);
    expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({ id: "id-1", payload: "payload 1" });
    expect(outcomes).toEqual(["id-1 acknowledged"]);
    await rm(folder, { recursive: true });
  });

  it("does not acknowledge what the command fails with, and says so", async () => {
    const { outcomes, ...setup } = fakeSubscription([someEvent(1), someEvent(2, { payload: "x".repeat(1_000_000) })]);
    const { code, stderr } = await runCommand(["subscribe", "work", "--exec", "exit 3"], setup);
    expect(code).toBe(0);
    expect(outcomes).toEqual(["id-1 failed", "id-2 failed"]);
    expect(stderr).toBe(
      "millrace: event id-1: the command ended with 3\nmillrace: event id-2: the command ended with 3\n",
    );
  });
});
