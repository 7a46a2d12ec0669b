import { MAX_DOCUMENT_BYTES, MAX_DOCUMENT_ID_BYTES, MAX_SYNC_COLLECTIONS } from "@millrace/shared-types";

import { checkHeartbeat } from "../check-heartbeat.js";
import { CALL_NAMES, RESUME_NAMES } from "../check-options.js";
import { checkTexts } from "../check-text.js";
import { checkNames, type NamesOf, type OptionNames } from "../option-names.js";
import type { CallOptions } from "../options.js";
import type {
  CreateSyncCollectionOptions,
  ListSyncOptions,
  OpenReplicaOptions,
  PutDocumentOptions,
  DocumentQueryOptions,
  SyncedOptions,
  SyncPolicy,
} from "./types.js";
import type { LocalWrite } from "./local-write.js";

const OPEN: Record<keyof OpenReplicaOptions, OptionNames[string]> = {
  collections: "any",
  path: "any",
  store: "any",
  onConflict: "any",
  onStatus: "any",
  heartbeatMs: "number",
  headers: "any",
  resume: RESUME_NAMES,
};

const CREATE: NamesOf<CreateSyncCollectionOptions> = { ...CALL_NAMES, policy: "any", tombstoneRetentionMs: "number" };

const LIST: NamesOf<ListSyncOptions> = { ...CALL_NAMES, pageSize: "number" };

const PUT: NamesOf<PutDocumentOptions> = { contentType: "any" };

const QUERY: NamesOf<DocumentQueryOptions> = { prefix: "any", where: "any", limit: "number" };

const SYNCED: NamesOf<SyncedOptions> = { timeoutMs: "number", signal: "any" };

/**
 * @throws {TypeError} for what is none
 * @throws {RangeError} for an interval of heartbeats that no server keeps
 */
export function checkOpenOptions(options: OpenReplicaOptions): void {
  checkNames(options, OPEN);
  const { collections, path, store } = options;
  if (!Array.isArray(collections) || collections.length < 1 || collections.length > MAX_SYNC_COLLECTIONS) {
    throw new TypeError(`option 'collections' has to name 1 to ${String(MAX_SYNC_COLLECTIONS)} collections`);
  }
  if (path !== undefined && store !== undefined) throw new TypeError("a replica has a path or a store, not both");
  checkHeartbeat(options.heartbeatMs);
}

export function checkCreateOptions(options: CreateSyncCollectionOptions): void {
  checkNames(options, CREATE);
}

export function checkListOptions(options: ListSyncOptions): void {
  checkNames(options, LIST);
}

export function checkPutOptions(options: PutDocumentOptions): void {
  checkNames(options, PUT);
}

export function checkDocumentQueryOptions(options: DocumentQueryOptions): void {
  checkNames(options, QUERY);
}

export function checkSyncedOptions(options: SyncedOptions): void {
  checkNames(options, SYNCED);
}

export function checkCall(options: CallOptions): void {
  checkNames(options, CALL_NAMES);
}

/** @throws {TypeError} for a name that no collection can have */
export function checkCollection(name: string): void {
  if (!/^[a-z0-9_-]{1,128}$/.test(name)) throw new TypeError(`${JSON.stringify(name)} is no name of a collection`);
}

/** @throws {TypeError} for a policy that there is not */
export function checkPolicy(policy: string, known: readonly SyncPolicy[]): void {
  if (known.some((each) => each === policy)) return;
  throw new TypeError(`option 'policy' is ${JSON.stringify(policy)}, not one of ${known.join(", ")}`);
}

/** @throws {TypeError} for an id that is none */
export function checkDocumentId(id: string): void {
  const isId =
    typeof id === "string" && id !== "" && id.isWellFormed() && Buffer.byteLength(id) <= MAX_DOCUMENT_ID_BYTES;
  if (!isId) throw new TypeError(`the id of a document is a text of 1 to ${String(MAX_DOCUMENT_ID_BYTES)} bytes`);
}

/**
 * What is written, as bytes: JSON, unless it is bytes already.
 *
 * @throws {TypeError} for what has no form in JSON, and a type that is no Unicode
 * @throws {RangeError} if it is too large
 */
export function contentOf(value: unknown, contentType: string | undefined): NonNullable<LocalWrite["put"]> {
  checkTexts({ contentType });
  if (value instanceof Uint8Array) {
    checkBytes(value);
    return { content: new Uint8Array(value), contentType: contentType ?? "application/octet-stream", json: undefined };
  }
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new TypeError("a document is JSON or bytes");
  const content = new Uint8Array(Buffer.from(text));
  checkBytes(content);
  return { content, contentType: contentType ?? "application/json", json: JSON.parse(text) };
}

function checkBytes({ byteLength }: Uint8Array): void {
  if (byteLength > MAX_DOCUMENT_BYTES) {
    throw new RangeError(`a document of ${String(byteLength)} bytes is more than ${String(MAX_DOCUMENT_BYTES)}`);
  }
}
