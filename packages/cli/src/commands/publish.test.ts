import { PassThrough } from "node:stream";

import { describe, expect, it } from "@jest/globals";
import { CancelledError, InvalidArgumentError, type OutgoingEvent, type Published } from "@millrace/client-sdk";

import { runCommand } from "../run-command.test.support.js";

/** Stores what it can in memory; refuses payloads that say so. */
function fakeLog() {
  const stored: OutgoingEvent[] = [];
  const publish = async (event: OutgoingEvent): Promise<Published> => {
    if (event.payload === "bad") throw new InvalidArgumentError("too bad");
    stored.push(event);
    const sequence = stored.length;
    return {
      id: event.id ?? `id-${String(sequence)}`,
      sequence,
      streamRevision: 1,
      duplicate: false,
      resumeToken: "t",
    };
  };
  let closed = 0;
  const publisher = () => ({
    publish,
    ready: () => Promise.resolve(),
    [Symbol.asyncDispose]: async () => void closed++,
  });
  return { stored, events: { publish, publisher } as never, closed: () => closed };
}

describe("millrace publish", () => {
  it("prints sequence and id once the event is durable", async () => {
    const { stored, events } = fakeLog();
    const { code, stdout, closed } = await runCommand(["publish", "order.created", "--data", "hello"], { events });
    expect({ code, stdout, closed }).toEqual({ code: 0, stdout: "1  id-1\n", closed: 1 });
    expect(stored).toEqual([{ type: "order.created", payload: "hello" }]);
  });

  it("prints exactly id and sequence as JSON", async () => {
    const { events } = fakeLog();
    const { stdout } = await runCommand(["publish", "a", "--id", "mine", "--json"], { events });
    expect(stdout).toBe('{"id":"mine","sequence":1}\n');
  });

  it("takes everything that an event can have", async () => {
    const { stored, events } = fakeLog();
    const attributes = ["--attribute", "a=1", "--attribute", "b=x=y"];
    const options = ["--stream", "s", "--key", "k", "--content-type", "text/plain", ...attributes];
    await runCommand(["publish", "a", "--id", "i", ...options], { events });
    expect(stored).toEqual([
      {
        type: "a",
        id: "i",
        stream: "s",
        key: "k",
        contentType: "text/plain",
        attributes: { a: "1", b: "x=y" },
        payload: "",
      },
    ]);
  });

  it("takes bytes from standard input, as they are", async () => {
    const { stored, events } = fakeLog();
    const input = new PassThrough();
    input.end(Buffer.from([0, 255, 10]));
    await runCommand(["publish", "a", "--data", "-"], { events, input });
    expect(stored[0]?.payload).toEqual(Buffer.from([0, 255, 10]));
  });

  it("publishes each line, and prints in order what is stored", async () => {
    const { stored, events, closed } = fakeLog();
    const { code, stdout } = await runCommand(["publish", "a", "--lines"], { events, input: "one\n\ntwo\nthree" });
    expect(code).toBe(0);
    expect(stdout).toBe("1  id-1\n2  id-2\n3  id-3\n");
    expect(stored.map(({ payload }) => payload)).toEqual(["one", "two", "three"]);
    expect(closed()).toBe(1);
  });

  it("publishes lines of JSON as such", async () => {
    const { stored, events } = fakeLog();
    await runCommand(["publish", "a", "--ndjson", "--json"], { events, input: '{"n":1}\n2\n' });
    expect(stored).toEqual([
      { type: "a", contentType: "application/json", payload: '{"n":1}' },
      { type: "a", contentType: "application/json", payload: "2" },
    ]);
  });

  it("stops at a line that is not JSON, after those before it", async () => {
    const { stored, events } = fakeLog();
    const { code, stdout, stderr } = await runCommand(["publish", "a", "--ndjson"], { events, input: "1\nno\n3\n" });
    expect({ code, stdout, stderr }).toEqual({ code: 1, stdout: "1  id-1\n", stderr: "millrace: not JSON: no\n" });
    expect(stored).toHaveLength(1);
  });

  it("stops reading when a line is refused, also while it waits for more", async () => {
    const { events } = fakeLog();
    const input = new PassThrough();
    input.write("one\nbad\n");
    const { code, stdout, stderr } = await runCommand(["publish", "a", "--lines"], { events, input });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "1  id-1\n" });
    expect(stderr).toBe("millrace: INVALID_ARGUMENT: too bad\n");
    expect(input.destroyed).toBe(true);
  });

  it("prints an id without what a terminal would act on", async () => {
    const { events } = fakeLog();
    const { stdout } = await runCommand(["publish", "a", "--id", "a\u001b[2Jb"], { events });
    expect(stdout).toBe("1  a\\u{1b}[2Jb\n");
  });

  it("is interrupted by Ctrl-C", async () => {
    const { events } = fakeLog();
    const interrupt = new AbortController();
    const input = new PassThrough();
    const running = runCommand(["publish", "a", "--lines"], { events, input, signal: interrupt.signal });
    interrupt.abort(new CancelledError("enough"));
    expect((await running).code).toBe(130);
  });
});
