import { describe, expect, it } from "@jest/globals";
import { encodeStatusDetails, ServiceError, STATUS_DETAILS_KEY, StatusCode } from "@millrace/shared-types";

import { type InvalidArgumentError, StreamingError } from "../errors.js";
import { toStreamingError } from "./to-streaming-error.js";
import type { TransportStatus } from "./transport.js";

function errorFor(status: Partial<TransportStatus>, error?: ServiceError): StreamingError {
  const trailers = error === undefined ? {} : { [STATUS_DETAILS_KEY]: encodeStatusDetails(error) };
  const whole = { code: StatusCode.UNKNOWN, message: "m", trailers, origin: "server", ...status } as const;
  return toStreamingError(whole, { method: "s.S/M" });
}

describe("toStreamingError", () => {
  it.each(Object.values(StatusCode).filter((code) => code !== StatusCode.OK))("keeps code %d", (code) => {
    const error = errorFor({ code });
    expect(error.code).toBe(code);
    expect(StreamingError.is(error)).toBe(true);
    expect(error.name).toBe(code === StatusCode.CANCELLED ? "AbortError" : error.constructor.name);
  });

  it("leaves out the heading of a note that is empty", () => {
    const message = "No connection established. Last error: connect ECONNREFUSED 127.0.0.1:1. Resolution note: ";
    const { message: told } = errorFor({ code: StatusCode.UNAVAILABLE, origin: "transport", message });
    expect(told).toBe("No connection established. Last error: connect ECONNREFUSED 127.0.0.1:1.");
    expect(errorFor({ message }).message).toBe(message);
  });

  it("takes a code that does not exist for UNKNOWN", () => {
    expect(errorFor({ code: 99 as StatusCode })).toMatchObject({ kind: "unknown", codeName: "UNKNOWN" });
  });

  it.each([
    ["UNAVAILABLE", "server", true],
    ["UNAVAILABLE", "transport", true],
    ["CANCELLED", "transport", true],
    ["CANCELLED", "server", true],
    ["CANCELLED", "client", false],
    ["INTERNAL", "transport", true],
    ["INTERNAL", "server", false],
    ["UNKNOWN", "transport", true],
    ["UNKNOWN", "server", false],
    ["RESOURCE_EXHAUSTED", "transport", true],
    ["RESOURCE_EXHAUSTED", "server", false],
    ["DEADLINE_EXCEEDED", "server", false],
    ["ABORTED", "server", false],
    ["NOT_FOUND", "server", false],
    ["UNAUTHENTICATED", "server", false],
  ] as const)("%s of the %s is retryable: %s", (code, origin, retryable) => {
    expect(errorFor({ code: StatusCode[code], origin }).retryable).toBe(retryable);
  });

  it.each([
    ["STREAM_STALLED", true],
    ["STREAM_IDLE", true],
    ["DRAINING", true],
    ["UPLOAD_PREEMPTED", false],
    ["CORRUPT_DATA", false],
  ] as const)("lets the reason decide: %s is retryable: %s", (reason, retryable) => {
    const failure = new ServiceError(reason, "m");
    expect(errorFor({ code: failure.code }, failure)).toMatchObject({ reason, domain: "streaming.v1", retryable });
  });

  it("takes RetryInfo for a promise that another attempt can help", () => {
    const failure = new ServiceError("BACKEND_UNAVAILABLE", "m", { retryAfterMs: 1500 });
    expect(errorFor({ code: failure.code }, failure)).toMatchObject({ retryable: true, retryAfterMs: 1500 });
  });

  it.each([
    ["250", { retryable: true, retryAfterMs: 250 }],
    ["-1", { retryable: false, retryAfterMs: undefined }],
    ["soon", { retryable: false, retryAfterMs: undefined }],
  ])("obeys a pushback of %s", (pushback, expected) => {
    const trailers = { "grpc-retry-pushback-ms": pushback };
    expect(errorFor({ code: StatusCode.UNAVAILABLE, trailers })).toMatchObject(expected);
  });

  it("gives the fields that are wrong", () => {
    const fieldViolations = [{ field: "filename", description: "is empty" }];
    const failure = new ServiceError("INVALID_FIELD", "m", { fieldViolations });
    const error = errorFor({ code: failure.code }, failure);
    expect((error as InvalidArgumentError).fieldViolations).toMatchObject(fieldViolations);
  });

  it("survives damaged details", () => {
    const error = errorFor({ trailers: { [STATUS_DETAILS_KEY]: new Uint8Array([255, 255]) } });
    expect(error).toMatchObject({ reason: undefined, details: { metadata: {}, unknown: [] } });
  });

  it("gives JSON for logs without headers", () => {
    const error = errorFor({ code: StatusCode.NOT_FOUND, trailers: { authorization: "secret", "x-request-id": "r" } });
    const json = JSON.stringify(error);
    expect(JSON.parse(json)).toMatchObject({ name: "NotFoundError", codeName: "NOT_FOUND", requestId: "r" });
    expect(json).not.toContain("secret");
  });
});
