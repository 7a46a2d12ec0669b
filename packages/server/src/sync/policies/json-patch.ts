import { invalidField, MAX_DOCUMENT_BYTES, type ServiceError } from "@millrace/shared-types";

import { checkLimit } from "../../events/check-limit.js";

/** A value of JSON. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json;
}

export const JSON_TYPE = "application/json";

/** Deeper ones would be a burden for everybody who reads the document. */
const MAX_DEPTH = 64;

/** @throws ServiceError `INVALID_FIELD` about `content` */
export function parseJson(content: Uint8Array): Json {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(content);
    const value = JSON.parse(text) as Json;
    if (depthOf(value) <= MAX_DEPTH) return value;
  } catch {
    throw notJson("is not JSON");
  }
  throw notJson(`is nested more than ${String(MAX_DEPTH)} deep`);
}

/** @throws ServiceError `INVALID_FIELD` if it is no object of JSON */
export function parseJsonObject(content: Uint8Array): JsonObject {
  const value = parseJson(content);
  if (!isObject(value)) throw notJson("is not an object of JSON");
  return value;
}

/** @throws ServiceError `LIMIT_EXCEEDED` */
export function writeJson(value: Json): Uint8Array {
  const bytes = Buffer.from(JSON.stringify(value));
  checkLimit("content", "max_document_bytes", MAX_DOCUMENT_BYTES, bytes.byteLength);
  return bytes;
}

/** JSON merge patch (RFC 7396). Every name is only a name, `__proto__` too. */
export function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const merged = new Map<string, Json>(isObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else merged.set(name, mergePatch(merged.get(name), value));
  }
  return Object.fromEntries(merged);
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function depthOf(value: Json, depth = 1): number {
  if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return depth;
  return Math.max(depth, ...Object.values(value).map((inner: Json) => depthOf(inner, depth + 1)));
}

function notJson(what: string): ServiceError {
  return invalidField("content", what);
}
