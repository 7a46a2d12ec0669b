import type { Any } from "#gen/google/protobuf/any.js";
import {
  BadRequest,
  ErrorInfo,
  Help,
  LocalizedMessage,
  PreconditionFailure,
  QuotaFailure,
  ResourceInfo,
  RetryInfo,
  Status,
} from "#gen/google/rpc/error_details.js";

import { decodeMessage, encodeMessage } from "./codec/codec.js";
import type { MessageType } from "./service-definition.js";
import type { FieldViolation, ServiceError } from "./service-error.js";
import { durationOfMs, msOfDuration } from "./timestamp.js";

/** An error as it travels within a message. */
export function statusOf(error: ServiceError): Status {
  return decodeMessage(Status, encodeStatusDetails(error));
}

/** The trailer that carries a google.rpc.Status. */
export const STATUS_DETAILS_KEY = "grpc-status-details-bin";

/**
 * What {@link encodeStatusDetails} returns at most, in bytes, unless ErrorInfo alone
 * is larger (its texts are cut). Peers refuse responses whose headers are large, gRPC
 * for C++ and Python from 8 KiB of base64 on, and would hide the error itself.
 */
export const MAX_STATUS_DETAILS_BYTES = 6000;

/** Longest text inside the details, in UTF-16 code units: what is longer is cut. */
const MAX_TEXT_LENGTH = 512;

/** Field violations that are sent at most. */
const MAX_FIELD_VIOLATIONS = 16;

const TYPE_URL_PREFIX = "type.googleapis.com/google.rpc.";

/** What a failed call says about itself besides code and message. */
export interface ErrorDetails {
  /** ErrorInfo.reason, such as `UPLOAD_EXPIRED`. */
  readonly reason?: string;
  /** Who defined the reason: `streaming.v1` for those of this contract. */
  readonly domain?: string;
  /** ErrorInfo.metadata: facts about this occurrence. */
  readonly metadata: Readonly<Record<string, string>>;
  /** RetryInfo: another attempt makes sense after this many milliseconds. */
  readonly retryAfterMs?: number;
  /** BadRequest: the fields that are wrong. */
  readonly badRequest?: readonly FieldViolation[];
  /** QuotaFailure: the quotas that are used up. */
  readonly quotaFailure?: readonly { readonly subject: string; readonly description: string }[];
  /** PreconditionFailure: what must become true first. */
  readonly preconditionFailure?: readonly {
    readonly type: string;
    readonly subject: string;
    readonly description: string;
  }[];
  /** ResourceInfo: the resource that the error is about. */
  readonly resourceInfo?: Readonly<ResourceInfo>;
  /** Help: where to read on. */
  readonly help?: readonly { readonly description: string; readonly url: string }[];
  /** LocalizedMessage: text for end users. */
  readonly localizedMessage?: { readonly locale: string; readonly message: string };
  /** Details of other types, or with damaged content, as they came. */
  readonly unknown: readonly { readonly typeUrl: string; readonly value: Uint8Array }[];
}

/**
 * The google.rpc.Status that tells a caller what went wrong: the content of the
 * {@link STATUS_DETAILS_KEY} trailer. ErrorInfo comes first and always; another detail
 * that does not fit into {@link MAX_STATUS_DETAILS_BYTES} is left out.
 */
export function encodeStatusDetails(error: ServiceError): Uint8Array {
  const status: Status = { code: error.code, message: cut(error.message), details: [] };
  let bytes = encodeMessage(Status, status);
  for (const detail of detailsOf(error)) {
    const larger = encodeMessage(Status, { ...status, details: [...status.details, detail] });
    const isFirst = status.details.length === 0;
    if (larger.length > MAX_STATUS_DETAILS_BYTES && !isFirst) continue;
    status.details.push(detail);
    bytes = larger;
  }
  return bytes;
}

function* detailsOf(error: ServiceError): Iterable<Any> {
  if (error.reason !== undefined) yield errorInfo(error, error.reason);
  if (error.retryAfterMs !== undefined) {
    yield pack("RetryInfo", RetryInfo, { retryDelay: durationOfMs(error.retryAfterMs) });
  }
  if (error.reason === "QUOTA_EXCEEDED") yield quotaFailure(error);
  if (error.reason === "RESOURCE_NOT_FOUND") yield resourceInfo(error);
  if (error.fieldViolations.length > 0) yield badRequest(error);
}

function errorInfo({ domain, metadata }: ServiceError, reason: string): Any {
  const entries = Object.entries(metadata).map(([key, value]) => [key, cut(value)] as const);
  return pack("ErrorInfo", ErrorInfo, { reason, domain, metadata: new Map(entries) });
}

function quotaFailure(error: ServiceError): Any {
  const violation = { subject: cut(error.metadata["subject"] ?? ""), description: cut(error.message) };
  return pack("QuotaFailure", QuotaFailure, { violations: [violation] });
}

function resourceInfo({ metadata, message }: ServiceError): Any {
  return pack("ResourceInfo", ResourceInfo, {
    resourceType: cut(metadata["resource_type"] ?? ""),
    resourceName: cut(metadata["resource_name"] ?? ""),
    owner: "",
    description: cut(message),
  });
}

function badRequest(error: ServiceError): Any {
  const fieldViolations = error.fieldViolations
    .slice(0, MAX_FIELD_VIOLATIONS)
    .map(({ field, description }) => ({ field: cut(field), description: cut(description) }));
  return pack("BadRequest", BadRequest, { fieldViolations });
}

function pack<T>(name: string, type: MessageType<T>, message: T): Any {
  return { typeUrl: TYPE_URL_PREFIX + name, value: encodeMessage(type, message) };
}

/** Half a surrogate pair that the cut may leave is written as U+FFFD by the codec. */
function cut(text: string): string {
  return text.length > MAX_TEXT_LENGTH ? `${text.slice(0, MAX_TEXT_LENGTH - 1)}…` : text;
}

/**
 * Reads the {@link STATUS_DETAILS_KEY} trailer of any gRPC server. Never throws:
 * damaged bytes give details without content. Of two details of one type the first counts.
 */
export function decodeStatusDetails(bytes: Uint8Array): ErrorDetails {
  const unknown: Any[] = [];
  let details: Partial<ErrorDetails> = {};
  for (const detail of packedDetails(bytes)) {
    const facts = unpack(detail);
    if (facts === undefined) unknown.push(detail);
    else details = { ...facts, ...details };
  }
  return { metadata: {}, ...details, unknown };
}

function packedDetails(bytes: Uint8Array): readonly Any[] {
  try {
    return decodeMessage(Status, bytes).details;
  } catch {
    return [];
  }
}

/** `undefined` if the detail is of a type that is not known here, or damaged. */
function unpack({ typeUrl, value }: Any): Partial<ErrorDetails> | undefined {
  const name = typeUrl.startsWith(TYPE_URL_PREFIX) ? typeUrl.slice(TYPE_URL_PREFIX.length) : "";
  try {
    return UNPACK.get(name)?.(value);
  } catch {
    return undefined;
  }
}

type Unpack = (value: Uint8Array) => Partial<ErrorDetails>;

const UNPACK: ReadonlyMap<string, Unpack> = new Map<string, Unpack>([
  ["ErrorInfo", unpackErrorInfo],
  ["RetryInfo", unpackRetryInfo],
  ["BadRequest", (value) => ({ badRequest: decodeMessage(BadRequest, value).fieldViolations })],
  ["QuotaFailure", (value) => ({ quotaFailure: decodeMessage(QuotaFailure, value).violations })],
  ["PreconditionFailure", (value) => ({ preconditionFailure: decodeMessage(PreconditionFailure, value).violations })],
  ["ResourceInfo", (value) => ({ resourceInfo: decodeMessage(ResourceInfo, value) })],
  ["Help", (value) => ({ help: decodeMessage(Help, value).links })],
  ["LocalizedMessage", (value) => ({ localizedMessage: decodeMessage(LocalizedMessage, value) })],
]);

function unpackErrorInfo(value: Uint8Array): Partial<ErrorDetails> {
  const { reason, domain, metadata } = decodeMessage(ErrorInfo, value);
  return { reason, domain, metadata: Object.fromEntries(metadata) };
}

function unpackRetryInfo(value: Uint8Array): Partial<ErrorDetails> {
  const { retryDelay } = decodeMessage(RetryInfo, value);
  return { retryAfterMs: retryDelay === undefined ? 0 : Math.max(0, msOfDuration(retryDelay)) };
}
