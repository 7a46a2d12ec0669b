import type { Mutation, RecordStore } from "../ports/record-store.js";

import { ownerKey } from "./file-names.js";
import type { FilesDeps } from "./files-deps.js";

/**
 * Who needs which content: `sha256/"owner"/id`, where id is that of a file, or of an upload that is
 * about to publish the content. Content that nobody needs is deleted.
 */
const REFERENCES = "references";

/** Keeps the content for `id`. */
export function addReference(sha256: string, owner: string, id: string): Mutation {
  return { collection: REFERENCES, key: referenceKey(sha256, owner, id), value: "" };
}

/** Lets go of the content. Follow the commit with {@link dropUnreferenced}. */
export function removeReference(sha256: string, owner: string, id: string): Mutation {
  return { collection: REFERENCES, key: referenceKey(sha256, owner, id), value: undefined };
}

/** Ids for which this owner keeps the content, at most `limit`. */
export async function referencesOf(
  records: RecordStore,
  sha256: string,
  owner: string,
  limit: number,
): Promise<string[]> {
  const prefix = referenceKey(sha256, owner, "");
  const found = await records.scan(REFERENCES, { prefix, limit });
  return found.map(({ key }) => key.slice(prefix.length));
}

/**
 * Deletes the content unless somebody needs it. Runs under the content's lock, which whoever
 * publishes content holds from the moment the blob is there until the reference is.
 */
export function dropUnreferenced({ blobs, records, locks }: FilesDeps, sha256: string): Promise<void> {
  return locks.contents.run(sha256, async () => {
    const needed = await records.scan(REFERENCES, { prefix: `${sha256}/`, limit: 1 });
    if (needed.length === 0) await blobs.delete(sha256);
  });
}

function referenceKey(sha256: string, owner: string, id: string): string {
  return `${sha256}/${ownerKey(owner)}/${id}`;
}
