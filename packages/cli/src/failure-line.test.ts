import { describe, expect, it } from "@jest/globals";
import { InvalidArgumentError } from "@millrace/client-sdk";

import { failureLine } from "./failure-line.js";

/** What `await using` throws if closing fails after a failure. */
function suppressed(error: unknown, before: unknown): Error {
  const both = new Error("An error was suppressed during disposal.");
  return Object.assign(both, { name: "SuppressedError", error, suppressed: before });
}

describe("failureLine", () => {
  it("has code and reason first, on one line", () => {
    const error = new InvalidArgumentError("no\nsuch \u001b[31mthing");
    expect(failureLine(error)).toBe("millrace: INVALID_ARGUMENT: no\\u{0a}such \\u{1b}[31mthing\n");
  });

  it("tells what went wrong first, not that closing failed as well", () => {
    const first = new InvalidArgumentError("too bad");
    const error = suppressed(new Error("the client is closed"), suppressed(first, first));
    expect(failureLine(error)).toBe("millrace: INVALID_ARGUMENT: too bad\n");
  });
});
