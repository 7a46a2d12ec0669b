import { describe, expect, it } from "@jest/globals";
import {
  CancelledError,
  type ReadOptions,
  UnavailableError,
  type WatchedEvent,
  type WatchOptions,
} from "@millrace/client-sdk";

import { runCommand } from "../run-command.test.support.js";
import { someEvent } from "../some-event.test.support.js";
import { RecordingTerminal } from "../terminal.test.support.js";

/** A log that has these events; a watch gives `live` and then waits for the signal, or fails. */
function fakeLog(stored: readonly WatchedEvent[], live: readonly WatchedEvent[] = [], failure?: Error) {
  const asked: unknown[] = [];
  const events = {
    info: async () => ({ resumeToken: "token-end" }),
    watch({ signal, ...options }: WatchOptions) {
      asked.push(options);
      const watch = {
        position: undefined as string | undefined,
        async *[Symbol.asyncIterator]() {
          for (const event of live) {
            yield event;
            watch.position = event.resumeToken;
          }
          if (options.limit === live.length) return;
          if (failure) throw failure;
          await new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve()));
          throw new CancelledError("cancelled by the caller");
        },
      };
      return watch;
    },
    async *read({ signal: _signal, ...options }: ReadOptions) {
      asked.push(options);
      yield* stored.toReversed().slice(0, options.limit);
    },
  };
  return { asked, events: events as never };
}

/** Aborts once so many lines were printed. */
class InterruptingTerminal extends RecordingTerminal {
  readonly interrupt = new AbortController();
  readonly #lines: number;

  constructor(lines: number) {
    super();
    this.#lines = lines;
  }

  override async write(text: string): Promise<void> {
    await super.write(text);
    if (this.stdout.split("\n").length > this.#lines) setImmediate(() => this.interrupt.abort());
  }
}

describe("millrace watch", () => {
  it("prints an event per line, with nothing in it that a terminal would act on", async () => {
    const evil = someEvent(3, { payload: "two\nlines \u001B[31m", type: "evil\u001B" });
    const { asked, events } = fakeLog([], [evil, someEvent(4, { payload: Buffer.from([255, 0]) })]);
    const { code, stdout, stderr } = await runCommand(["watch", "--limit", "2"], { events });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe(
      "       3  2026-01-02T03:04:05Z  evil\\u{1b}  two\\u{0a}lines \\u{1b}[31m\n" +
        "       4  2026-01-02T03:04:05Z  order.created  (2 B)\n",
    );
    expect(asked).toEqual([{ from: "end", limit: 2 }]);
  });

  it("prints JSON, one event per line, with the payload as text or in base64", async () => {
    const full = { key: "k", tombstone: true, contentType: "text/plain", source: "s", attributes: { a: "b" } };
    const live = [someEvent(1, { payload: "ü\n" }), someEvent(2, { payload: Buffer.from([255, 0]), ...full })];
    const { stdout } = await runCommand(["watch", "--limit", "2", "--json"], { events: fakeLog([], live).events });
    const facts = { type: "order.created", stream: "orders", timestamp: "2026-01-02T03:04:05.678Z" };
    const [first, second] = stdout
      .split("\n")
      .slice(0, 2)
      .map((line) => JSON.parse(line) as unknown);
    const one = { id: "id-1", sequence: 1, streamRevision: 1, payload: "ü\n", resumeToken: "token-1" };
    expect(first).toEqual({ ...facts, ...one });
    const two = { id: "id-2", sequence: 2, streamRevision: 2, payloadBase64: "/wA=", resumeToken: "token-2" };
    expect(second).toEqual({ ...facts, ...two, ...full });
  });

  it.each([
    ["beginning", "beginning"],
    ["42", { sequence: 42 }],
    ["AQx9token", "AQx9token"],
  ])("begins at %s", async (text, from) => {
    const { asked, events } = fakeLog([], [someEvent(1)]);
    const selection = ["--type", "a", "--type", "b.*", "--stream", "s", "--filter", "true"];
    await runCommand(["watch", "--from", text, "--limit", "1", ...selection], { events });
    expect(asked).toEqual([{ types: ["a", "b.*"], streams: ["s"], filter: "true", from, limit: 1 }]);
  });

  it("ends well at Ctrl-C, and says how to go on", async () => {
    const terminal = new InterruptingTerminal(2);
    const { events } = fakeLog([], [someEvent(1), someEvent(2)]);
    const { code, stderr } = await runCommand(["watch"], { events, terminal, signal: terminal.interrupt.signal });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "millrace: go on with --from token-2\n" });
  });

  it("says how to go on after a failure, too", async () => {
    const { events } = fakeLog([], [someEvent(1)], new UnavailableError("gone"));
    const { code, stderr } = await runCommand(["watch"], { events });
    expect(code).toBe(1);
    expect(stderr).toBe("millrace: go on with --from token-1\nmillrace: UNAVAILABLE: gone\n");
  });
});

describe("millrace tail", () => {
  const stored = [1, 2, 3, 4].map((n) => someEvent(n));
  const sequences = (stdout: string): unknown[] =>
    stdout
      .split("\n")
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as { sequence: number }).sequence);

  it("prints the newest events, oldest first", async () => {
    const { asked, events } = fakeLog(stored);
    const { code, stdout } = await runCommand(["tail", "-n", "3", "--json", "--type", "a"], { events });
    expect(code).toBe(0);
    expect(sequences(stdout)).toEqual([2, 3, 4]);
    expect(asked).toEqual([{ types: ["a"], backwards: true, limit: 3 }]);
  });

  it("goes on after the newest of them with -f", async () => {
    const terminal = new InterruptingTerminal(3);
    const { asked, events } = fakeLog(stored, [someEvent(5)]);
    const args = ["tail", "-fn", "2", "--json", "--type", "a"];
    const { code, stdout } = await runCommand(args, { events, terminal, signal: terminal.interrupt.signal });
    expect(code).toBe(0);
    expect(sequences(stdout)).toEqual([3, 4, 5]);
    expect(asked.at(-1)).toEqual({ types: ["a"], from: "token-4" });
  });

  it.each([
    ["there is none", [], "10"],
    ["none is wanted", stored, "0"],
  ])("goes on from where the log ended when %s", async (_when, events, n) => {
    const terminal = new InterruptingTerminal(1);
    const log = fakeLog(events, [someEvent(9)]);
    const args = ["tail", "-f", "-n", n, "--json"];
    const { stdout } = await runCommand(args, { events: log.events, terminal, signal: terminal.interrupt.signal });
    expect(sequences(stdout)).toEqual([9]);
    expect(log.asked.at(-1)).toEqual({ from: "token-end" });
  });
});

describe("millrace log", () => {
  const events = {
    info: async ({ stream }: { readonly stream?: string }) => ({
      epoch: "e1",
      firstSequence: 3,
      lastSequence: 9,
      resumeToken: "t",
      stream: stream === undefined ? undefined : { name: stream, firstRevision: 1, lastRevision: 2 },
    }),
  } as never;

  it("prints a line per fact, and so for each stream", async () => {
    const { stdout } = await runCommand(["log", "--stream", "a\u001B", "--stream", "b"], { events });
    expect(stdout.split("\n")).toEqual([
      "epoch           e1",
      "firstSequence   3",
      "lastSequence    9",
      "resumeToken     t",
      "",
      "stream          a\\u{1b}",
      "firstRevision   1",
      "lastRevision    2",
      "",
      "stream          b",
      "firstRevision   1",
      "lastRevision    2",
      "",
    ]);
  });

  it("prints JSON", async () => {
    const { stdout } = await runCommand(["log", "--stream", "a", "--json"], { events });
    expect(JSON.parse(stdout)).toEqual({
      epoch: "e1",
      firstSequence: 3,
      lastSequence: 9,
      resumeToken: "t",
      streams: [{ name: "a", firstRevision: 1, lastRevision: 2 }],
    });
  });
});
