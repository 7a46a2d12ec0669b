import { describe, expect, it } from "@jest/globals";

import { checkOptions } from "./check-options.js";

const check = (options: object) => () => checkOptions({ target: "localhost:1", ...options });

describe("checkOptions", () => {
  it.each([
    [{ maxRecieveBytes: 1 }, "unknown option 'maxRecieveBytes' - did you mean limits.maxReceiveBytes?"],
    [
      { max_receive_message_length: 1 },
      "unknown option 'max_receive_message_length' - did you mean limits.maxReceiveBytes?",
    ],
    [{ limits: { maxSendByte: 1 } }, "unknown option 'limits.maxSendByte' - did you mean limits.maxSendBytes?"],
    [{ timeout: 1 }, "unknown option 'timeout' - did you mean connect.timeoutMs?"],
    [
      { retry: { backoff: { initialMS: 1 } } },
      "unknown option 'retry.backoff.initialMS' - did you mean retry.backoff.initialMs?",
    ],
    [{ keepalive: false }, "unknown option 'keepalive' - did you mean keepAlive?"],
    [{ toString: 1 }, "unknown option 'toString'"],
    [{ xyz: 1 }, "unknown option 'xyz'"],
  ])("refuses %j", (options, message) => {
    expect(check(options)).toThrow(new TypeError(message));
  });

  it("refuses numbers that are none", () => {
    expect(check({ connect: { timeoutMs: Number.NaN } })).toThrow(new RangeError("option 'connect.timeoutMs' is NaN"));
    expect(check({ limits: { maxSendBytes: -1 } })).toThrow(RangeError);
  });

  it.each([3, "often", null])("refuses the section retry: %j", (retry) => {
    expect(check({ retry })).toThrow(new TypeError(`option 'retry' is ${JSON.stringify(retry)}, not an object`));
  });

  it("refuses a number that is text", () => {
    expect(check({ connect: { timeoutMs: "5" } })).toThrow(new RangeError(`option 'connect.timeoutMs' is "5"`));
  });

  it("wants a target", () => {
    expect(check({ target: "" })).toThrow("option 'target' is missing");
  });

  it("names an option that is misspelled before the target that is missing", () => {
    expect(() => checkOptions({ targt: "x" } as never)).toThrow("unknown option 'targt' - did you mean target?");
    expect(() => checkOptions("localhost:1" as never)).toThrow("option 'target' is missing");
  });

  it.each([":50051", "dns::50051", "dns:///:50051"])("refuses %s, which names no host", (target) => {
    expect(check({ target })).toThrow(new TypeError(`option 'target' is "${target}", without a host`));
  });

  it("takes every option there is", () => {
    expect(
      check({
        tls: { ca: new Uint8Array([1]), serverName: "x" },
        auth: { getHeaders: () => Promise.resolve({}), own: 1 },
        connect: { timeoutMs: 1 },
        keepAlive: { intervalMs: 1, timeoutMs: 1, whileIdle: true },
        retry: { maxAttempts: 1, backoff: { initialMs: 1, maxMs: 1, multiplier: 1 } },
        resume: { maxAttempts: 1, maxElapsedMs: 1, backoff: {}, shouldResume: () => true },
        limits: { maxReceiveBytes: 1, maxSendBytes: 1, receiveWindowBytes: 1 },
        defaults: { timeoutMs: 1, idleTimeoutMs: 1, headers: { "x-any": "name" } },
        clock: undefined,
        random: Math.random,
      }),
    ).not.toThrow();
    expect(check({ tls: false, keepAlive: false, retry: false, resume: false, auth: "token" })).not.toThrow();
  });
});
