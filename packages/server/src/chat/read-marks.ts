import type { Mutation, RecordStore } from "../ports/record-store.js";
import { getJson, putJson, removeRecord } from "../records/json-records.js";

/** How far users have read: stream, `/`, user. */
const READS = "chatreads";

/** How far the user has read in a stream; 0 if nothing is known. */
export async function readMarkOf(records: RecordStore, stream: string, userId: string): Promise<number> {
  return (await getJson<number>(records, READS, keyOf(stream, userId)))?.value ?? 0;
}

/** The user has read up to `sequence`. */
export function putReadMark(stream: string, userId: string, sequence: number): Mutation {
  return putJson(READS, keyOf(stream, userId), sequence);
}

/** Forgets how far users have read in a stream, at most `limit` of them. */
export async function readMarksToRemove(
  records: RecordStore,
  stream: string,
  limit: number,
): Promise<readonly Mutation[]> {
  const found = await records.scan(READS, { prefix: `${stream}/`, limit });
  return found.map(({ key }) => removeRecord(READS, key));
}

function keyOf(stream: string, userId: string): string {
  return `${stream}/${JSON.stringify(userId)}`; // every id has a form in UTF-8
}
