import { createHash, createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";

import { ServiceError } from "./service-error.js";

/** Token text that is looked at, in characters: a longer one is refused unread. */
const MAX_TOKEN_LENGTH = 16 * 1024;

/** First byte of a token. */
const VERSION = 1;

const MAC_BYTES = 16;
const MIN_SECRET_BYTES = 16;

/** Where a listing or a stream goes on: the last key, or a sequence number. */
export type TokenPosition = string | number;

/** What a token is for. It is good for nothing else. */
export interface TokenScope {
  /** Kind of the token, such as `files.list`. */
  readonly kind: string;
  /** The cluster or data directory that gave it out. */
  readonly clusterId: string;
  /** The parts of the request that must stay the same: filter, order, prefix. */
  readonly shape: string;
}

/** What a token says. */
export interface TokenContent {
  /** The incarnation of the data that `position` belongs to. Whether an old one is still good is the caller's choice. */
  readonly epoch: string;
  readonly position: TokenPosition;
}

/** Gives out positions that clients keep and cannot change, and takes them back. */
export interface TokenSigner {
  /** A token, in base64url. */
  sign(claims: TokenScope & TokenContent): string;
  /** @throws {ServiceError} INVALID_CURSOR if the token is damaged, or was given out for another scope */
  verify(token: string, scope: TokenScope): TokenContent;
  /** A key of 32 bytes for `purpose`, always the same, from which neither the secret nor another key follows. */
  keyFor(purpose: string): Buffer;
}

/**
 * Tokens are base64url(version, kind, cluster id, epoch, position, hash of the
 * shape, HMAC-SHA256 cut to 128 bits). They are signed, not encrypted.
 *
 * @param secret at least 16 bytes; everyone who has it can make tokens
 * @throws {RangeError} if `secret` is shorter
 */
export function createTokenSigner(secret: Uint8Array): TokenSigner {
  if (secret.length < MIN_SECRET_BYTES) throw new RangeError(`a secret of ${secret.length} bytes is too short`);
  const key = createSecretKey(secret); // a Buffer would be made into one for each token
  return {
    sign: (claims) => sign(key, claims),
    verify: (token, scope) => verify(key, token, scope),
    keyFor: (purpose) => createHmac("sha256", key).update(`key for ${purpose}`).digest(),
  };
}

function sign(key: KeyObject, { kind, clusterId, epoch, position, shape }: TokenScope & TokenContent): string {
  const fields = JSON.stringify([kind, clusterId, epoch, position, hashOf(shape)]);
  const body = Buffer.concat([Buffer.of(VERSION), Buffer.from(fields)]);
  const token = Buffer.concat([body, macOf(key, body)]).toString("base64url");
  if (token.length > MAX_TOKEN_LENGTH) throw new RangeError(`a token of ${token.length} characters is too long`);
  return token;
}

function verify(key: KeyObject, token: string, scope: TokenScope): TokenContent {
  const [kind, clusterId, epoch, position, shapeHash] = fieldsOf(key, token);
  if (clusterId !== scope.clusterId) throw invalidCursor("it was given out by another cluster");
  if (kind !== scope.kind || shapeHash !== hashOf(scope.shape)) throw invalidCursor("it belongs to another request");
  return { epoch, position };
}

type Fields = readonly [kind: string, clusterId: string, epoch: string, position: TokenPosition, shapeHash: string];

function fieldsOf(key: KeyObject, token: string): Fields {
  const bytes = token.length <= MAX_TOKEN_LENGTH ? Buffer.from(token, "base64url") : Buffer.alloc(0);
  // The decoder skips characters that are not base64url and ignores spare bits: only one spelling counts.
  const intact = bytes.length > MAC_BYTES && bytes.toString("base64url") === token;
  const body = bytes.subarray(0, -MAC_BYTES);
  if (!intact || !timingSafeEqual(bytes.subarray(-MAC_BYTES), macOf(key, body))) throw invalidCursor("it is damaged");
  if (body[0] !== VERSION) throw invalidCursor(`its version is ${body[0]}, not ${VERSION}`);
  return JSON.parse(body.toString("utf8", 1)) as Fields;
}

function macOf(key: KeyObject, body: Uint8Array): Buffer {
  return createHmac("sha256", key).update(body).digest().subarray(0, MAC_BYTES);
}

function hashOf(shape: string): string {
  return createHash("sha256").update(shape).digest().subarray(0, 12).toString("base64url");
}

function invalidCursor(why: string): ServiceError {
  return new ServiceError("INVALID_CURSOR", `the token cannot be used: ${why}`);
}
