import { ServiceError } from "@millrace/shared-types";

import type { Mutation, RecordStore } from "../ports/record-store.js";

import { addDue } from "./due.js";
import type { FileRecord } from "./file-record.js";
import type { Versioned } from "../records/json-records.js";
import { getJson, putJson, removeRecord } from "../records/json-records.js";

/** The counter of each name: `"owner"/name`. */
const NAMES = "names";
/** All files in order of owner, name and falling generation: `"owner"/name`, U+0001, rank. The value is the file id. */
const GENERATIONS = "generations";
/** A name without files keeps its counter this long, so that a generation is not used twice. */
const NAME_MEMORY_MS = 30 * 24 * 60 * 60 * 1000;
/** Below all characters that names may hold, so that files sort by name. */
const SEPARATOR = "\u0001";

/** What is known of a name. */
export interface NameRecord {
  /** The highest generation ever given. */
  readonly last: number;
  /** The highest generation that exists; 0: there is none. */
  readonly current: number;
  /** The file of that generation. */
  readonly fileId: string;
  /** When the name lost its last file. */
  readonly emptySince?: number;
}

interface NamedFile {
  readonly owner: string;
  readonly filename: string;
}

/** Key under which a name of an owner is stored: no two pairs share one. */
export function nameKey({ owner, filename }: NamedFile): string {
  return `${ownerKey(owner)}/${filename}`;
}

/** An owner's id inside of a key: JSON, so that its end is plain and every id has a form in UTF-8. */
export function ownerKey(owner: string): string {
  return JSON.stringify(owner);
}

/** The record of a name, with version 0 if nothing was ever published under it. */
export async function readName(records: RecordStore, name: NamedFile): Promise<Versioned<NameRecord>> {
  const found = await getJson<NameRecord>(records, NAMES, nameKey(name));
  return found ?? { version: 0, value: { last: 0, current: 0, fileId: "" } };
}

/** @throws ServiceError `REVISION_MISMATCH` if a caller insists on another generation */
export function checkGeneration(expected: number | undefined, actual: number): void {
  if (expected === undefined || expected === actual) return;
  throw new ServiceError("REVISION_MISMATCH", `the generation is ${String(actual)}, not ${String(expected)}`, {
    metadata: { expected, actual },
  });
}

/** Puts a file under its name as the next generation, provided the name is still as it was read. */
export function addToName(
  name: Versioned<NameRecord>,
  file: Omit<FileRecord, "generation">,
): {
  readonly generation: number;
  readonly mutations: readonly Mutation[];
} {
  const generation = name.value.last + 1;
  const value: NameRecord = { last: generation, current: generation, fileId: file.fileId };
  return {
    generation,
    mutations: [
      putJson(NAMES, nameKey(file), value, name.version),
      { collection: GENERATIONS, key: generationKey(file, generation), value: file.fileId },
    ],
  };
}

/** Takes a file from its name. If it was the newest, the next older one is the newest again. */
export async function removeFromName(records: RecordStore, file: FileRecord, nowMs: number): Promise<Mutation[]> {
  const name = await readName(records, file);
  const gone = removeRecord(GENERATIONS, generationKey(file, file.generation));
  // Without a change of the counter the commit must still fail if someone changes it meanwhile.
  if (name.value.current !== file.generation) return [gone, putJson(NAMES, nameKey(file), name.value, name.version)];
  const older = await newestBefore(records, file);
  const value: NameRecord = {
    last: name.value.last,
    current: older?.generation ?? 0,
    fileId: older?.fileId ?? "",
    ...(older === undefined && { emptySince: nowMs }),
  };
  const mutations = [gone, putJson(NAMES, nameKey(file), value, name.version)];
  if (older === undefined) mutations.push(addDue(nowMs + NAME_MEMORY_MS, "name", nameKey(file)));
  return mutations;
}

/** Forgets the counter of a name that has had no file for long enough. */
export async function forgetName(records: RecordStore, key: string, nowMs: number): Promise<Mutation[]> {
  const name = await getJson<NameRecord>(records, NAMES, key);
  const emptySince = name?.value.emptySince;
  if (name === undefined || emptySince === undefined || emptySince + NAME_MEMORY_MS > nowMs) return [];
  return [removeRecord(NAMES, key, name.version)];
}

/** A page of the files of an owner whose names start with `prefix`. */
export async function listByName(
  records: RecordStore,
  owner: string,
  { prefix, after, limit }: { readonly prefix: string; readonly after?: string; readonly limit: number },
): Promise<readonly { readonly key: string; readonly fileId: string }[]> {
  const found = await records.scan(GENERATIONS, {
    prefix: `${ownerKey(owner)}/${prefix}`,
    limit,
    ...(after !== undefined && { after }),
  });
  return found.map(({ key, value }) => ({ key, fileId: value }));
}

async function newestBefore(
  records: RecordStore,
  file: FileRecord,
): Promise<{ readonly generation: number; readonly fileId: string } | undefined> {
  const [older] = await records.scan(GENERATIONS, {
    prefix: nameKey(file) + SEPARATOR,
    after: generationKey(file, file.generation),
    limit: 1,
  });
  return older && { generation: generationOfKey(older.key), fileId: older.value };
}

function generationKey(name: NamedFile, generation: number): string {
  return nameKey(name) + SEPARATOR + String(Number.MAX_SAFE_INTEGER - generation).padStart(16, "0");
}

function generationOfKey(key: string): number {
  return Number.MAX_SAFE_INTEGER - Number(key.slice(-16));
}
