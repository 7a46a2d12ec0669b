import {
  ChangeOperation,
  compareHybridTimes,
  type HybridTime,
  invalidField,
  isSameHybridTime,
  MAX_DOCUMENT_FIELDS,
  SyncOutcome,
} from "@millrace/shared-types";

import { checkLimit } from "../../events/check-limit.js";
import { deletionOf, documentOf, type DocumentVersion, type FieldTimes, type StoredDocument } from "../document.js";
import { isForgotten } from "./forgotten.js";
import { type Json, JSON_TYPE, type JsonObject, parseJsonObject, writeJson } from "./json-patch.js";
import type { PolicyContext, PushedChange, Resolution } from "./resolution.js";

/** A document as its fields are: a value, or `undefined` if the field was removed, and since when. */
interface Fields {
  readonly entries: Map<string, { readonly value: Json | undefined; readonly time: HybridTime }>;
  floor: HybridTime | undefined;
  deletedAtFloor: boolean;
}

/**
 * The greatest time wins each field, as a whole; a field that is `null` is removed. A change of the whole document, or
 * its deletion, counts for all fields: what is older goes. A deleted document lives again with the fields that were set
 * later. The order in which changes arrive makes no difference.
 */
export function mergeFields(
  current: StoredDocument | undefined,
  change: PushedChange,
  { serverClock, horizonMs }: PolicyContext,
): Resolution {
  if (isForgotten(current, change, horizonMs)) return { outcome: SyncOutcome.SUPERSEDED };
  const fields = fieldsOf(current);
  const hasChanged = apply(fields, change);
  if (!hasChanged) return { outcome: SyncOutcome.SUPERSEDED };
  // Those that were removed count too: whoever forgot them would take an old value for a new field.
  checkLimit("content", "max_document_fields", MAX_DOCUMENT_FIELDS, fields.entries.size);
  const latest = current?.versions[0];
  const isOnCurrent = latest === undefined || isSameHybridTime(change.base, latest.time);
  if (isOnCurrent) return { outcome: SyncOutcome.APPLIED, document: toDocument(fields, change.version) };
  const time = serverClock.after(latest.time, change.version.time);
  const made = { time, replicaId: serverClock.serverId, replicaSequence: 0 };
  return { outcome: SyncOutcome.MERGED, document: toDocument(fields, { ...change.version, ...made }) };
}

function fieldsOf(current: StoredDocument | undefined): Fields {
  if (current === undefined) return { entries: new Map(), floor: undefined, deletedAtFloor: false };
  const { deleted, versions, fields } = current;
  const value = deleted ? {} : parseJsonObject(versions[0].content);
  const { times, floor, deletedAtFloor } = fields ?? NO_FIELDS;
  const entries = new Map([...times].map(([name, time]) => [name, { value: own(value, name), time }] as const));
  return { entries, floor, deletedAtFloor };
}

const NO_FIELDS: FieldTimes = { times: new Map(), floor: undefined, deletedAtFloor: false };

/** Whether it has changed anything. */
function apply(fields: Fields, { operation, version, fieldTimes }: PushedChange): boolean {
  if (operation === ChangeOperation.DELETE) return raiseFloor(fields, version.time, true);
  const given = parseJsonObject(version.content);
  checkFieldTimes(given, fieldTimes);
  const isWhole = operation === ChangeOperation.UPSERT && fieldTimes.size === 0;
  let hasChanged = isWhole && raiseFloor(fields, version.time, false);
  for (const [name, value] of Object.entries(given)) {
    const time = fieldTimes.get(name) ?? version.time;
    const known = fields.entries.get(name);
    const isOlder = known !== undefined && compareHybridTimes(time, known.time) <= 0;
    if (isOlder || isBelow(time, fields)) continue;
    fields.entries.set(name, { value: value ?? undefined, time });
    hasChanged = true;
  }
  return hasChanged;
}

function raiseFloor(fields: Fields, time: HybridTime, isDeletion: boolean): boolean {
  if (fields.floor !== undefined && compareHybridTimes(time, fields.floor) <= 0) return false;
  fields.floor = time;
  fields.deletedAtFloor = isDeletion;
  for (const [name, entry] of fields.entries) if (isBelow(entry.time, fields)) fields.entries.delete(name);
  return true;
}

/** A change that replaced everything is not older than its own fields. */
function isBelow(time: HybridTime, { floor }: Fields): boolean {
  return floor !== undefined && compareHybridTimes(time, floor) < 0;
}

function toDocument({ entries, floor, deletedAtFloor }: Fields, made: DocumentVersion): StoredDocument {
  const version = { ...made, isDerived: true };
  const values = [...entries].flatMap(([name, { value }]) => (value === undefined ? [] : [[name, value] as const]));
  const times = new Map([...entries].map(([name, { time }]) => [name, time]));
  const known = { times, floor, deletedAtFloor };
  if (values.length === 0 && deletedAtFloor) return deletionOf(version, known);
  const content = writeJson(Object.fromEntries(values));
  return documentOf({ ...version, content, contentType: JSON_TYPE }, known);
}

function checkFieldTimes(given: JsonObject, times: ReadonlyMap<string, HybridTime>): void {
  for (const name of times.keys()) {
    if (!Object.hasOwn(given, name)) throw invalidField("field_times", `has ${JSON.stringify(name)}, content has not`);
  }
}

function own(value: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}
