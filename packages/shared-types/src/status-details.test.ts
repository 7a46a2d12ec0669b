import { randomBytes } from "node:crypto";

import type { Any } from "#gen/google/protobuf/any.js";
import { ErrorInfo, Help, LocalizedMessage, PreconditionFailure, Status } from "#gen/google/rpc/error_details.js";
import { describe, expect, test } from "@jest/globals";

import { encodeMessage } from "./codec/codec.js";
import type { MessageType } from "./service-definition.js";
import { invalidField, resourceNotFound, ServiceError } from "./service-error.js";
import { decodeStatusDetails, encodeStatusDetails, MAX_STATUS_DETAILS_BYTES } from "./status-details.js";

describe("status details", () => {
  test("carry code, message, reason, domain and metadata", () => {
    const bytes = encodeStatusDetails(
      new ServiceError("UPLOAD_OFFSET_MISMATCH", "chunk at 9, not 5", { metadata: { committed_size: 5 } }),
    );
    expect(Status.decode(bytes)).toMatchObject({ code: 11, message: "chunk at 9, not 5" });
    expect(decodeStatusDetails(bytes)).toEqual({
      reason: "UPLOAD_OFFSET_MISMATCH",
      domain: "streaming.v1",
      metadata: { committed_size: "5" },
      unknown: [],
    });
  });

  test("carry RetryInfo, to the fraction of a millisecond", () => {
    const bytes = encodeStatusDetails(new ServiceError("DRAINING", "restarting", { retryAfterMs: 1500.25 }));
    expect(decodeStatusDetails(bytes).retryAfterMs).toBe(1500.25);
  });

  test("name the fields that are wrong", () => {
    const details = decodeStatusDetails(encodeStatusDetails(invalidField("spec.filename", "is empty")));
    expect(details.badRequest).toEqual([{ field: "spec.filename", description: "is empty" }]);
  });

  test("name the resource that was not found", () => {
    const { resourceInfo } = decodeStatusDetails(encodeStatusDetails(resourceNotFound("file", "k7")));
    expect(resourceInfo).toMatchObject({
      resourceType: "file",
      resourceName: "k7",
      description: 'file "k7" not found',
    });
  });

  test("name the quota that is used up", () => {
    const { quotaFailure } = decodeStatusDetails(
      encodeStatusDetails(new ServiceError("QUOTA_EXCEEDED", "disk is full")),
    );
    expect(quotaFailure).toEqual([{ subject: "", description: "disk is full" }]);
  });

  test("of other servers give help, localized message and preconditions too", () => {
    const violation = { type: "TOS", subject: "u1", description: "not accepted" };
    const details = decodeStatusDetails(
      statusOf([
        packed("PreconditionFailure", PreconditionFailure, { violations: [violation] }),
        packed("Help", Help, { links: [{ description: "quota", url: "https://example.org/quota" }] }),
        packed("LocalizedMessage", LocalizedMessage, { locale: "de", message: "Voll" }),
      ]),
    );
    expect(details.preconditionFailure).toEqual([violation]);
    expect(details.help).toEqual([{ description: "quota", url: "https://example.org/quota" }]);
    expect(details.localizedMessage).toEqual({ locale: "de", message: "Voll" });
  });

  test("of unknown types, or damaged ones, are kept as they came", () => {
    const foreign = { typeUrl: "type.googleapis.com/acme.Detail", value: Buffer.from([1, 2, 3]) };
    const damaged = { typeUrl: "type.googleapis.com/google.rpc.ErrorInfo", value: Buffer.from([0x0a, 0xff]) };
    const details = decodeStatusDetails(statusOf([foreign, damaged]));
    expect(details).toEqual({ metadata: {}, unknown: [foreign, damaged] });
  });

  test("of one type that come twice count once, the first", () => {
    const info = (reason: string): Any => packed("ErrorInfo", ErrorInfo, { reason, domain: "d", metadata: new Map() });
    expect(decodeStatusDetails(statusOf([info("FIRST"), info("SECOND")])).reason).toBe("FIRST");
  });

  test("cannot change the prototype of metadata", () => {
    const metadata = new Map([["__proto__", "x"]]);
    const details = decodeStatusDetails(
      statusOf([packed("ErrorInfo", ErrorInfo, { reason: "R", domain: "d", metadata })]),
    );
    expect(Object.getPrototypeOf(details.metadata)).toBe(Object.prototype);
    expect(Object.keys(details.metadata)).toEqual(["__proto__"]);
  });

  test("that are damaged never throw", () => {
    expect(decodeStatusDetails(Buffer.from([0xff, 0xff]))).toEqual({ metadata: {}, unknown: [] });
    for (let i = 0; i < 2000; i += 1) expect(decodeStatusDetails(randomBytes(i % 64)).metadata).toBeDefined();
  });

  test("stay small enough for a trailer, whatever the error says", () => {
    const long = "é".repeat(100_000);
    const error = new ServiceError("RESOURCE_NOT_FOUND", long, {
      metadata: { resource_type: long, resource_name: long },
      retryAfterMs: 1000,
      fieldViolations: Array.from({ length: 1000 }, () => ({ field: long, description: long })),
    });
    const bytes = encodeStatusDetails(error);
    expect(bytes.length).toBeLessThanOrEqual(MAX_STATUS_DETAILS_BYTES);
    expect(decodeStatusDetails(bytes)).toMatchObject({ reason: "RESOURCE_NOT_FOUND", retryAfterMs: 1000 });
  });

  test("hold valid UTF-8 even where the cause did not", () => {
    const bytes = encodeStatusDetails(new ServiceError("INVALID_FIELD", "half of \u{1F642}".slice(0, -1)));
    expect(Status.decode(bytes).message).toBe("half of \uFFFD");
  });
});

function packed<T>(name: string, type: MessageType<T>, message: T): Any {
  return { typeUrl: `type.googleapis.com/google.rpc.${name}`, value: encodeMessage(type, message) };
}

function statusOf(details: Any[]): Uint8Array {
  return encodeMessage(Status, { code: 3, message: "m", details });
}
