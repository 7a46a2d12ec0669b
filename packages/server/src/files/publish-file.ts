import type { BlobDigest, StagedBlob } from "../ports/blob-store.js";
import type { Mutation } from "../ports/record-store.js";

import { addReference, dropUnreferenced } from "./contents.js";
import { addDue } from "./due.js";
import type { FileDraft } from "./file-draft.js";
import { addToName, checkGeneration, nameKey, readName } from "./file-names.js";
import type { FileRecord } from "./file-record.js";
import { FILES } from "./file-record.js";
import type { FilesDeps } from "./files-deps.js";
import { putJson, untilCommitted } from "../records/json-records.js";
import { newId } from "../records/new-id.js";
import { commitOwned } from "./upload-sessions.js";

/** Content and what to publish it as. */
export interface Publication {
  readonly owner: string;
  readonly draft: FileDraft;
  readonly digest: BlobDigest;
  /** Verified bytes of `digest`; `undefined` if the store has the content already. */
  readonly staged: StagedBlob | undefined;
  /** Aborts up to the commit; nothing is published then. */
  readonly signal: AbortSignal;
  /** What is written in the same commit, given the file. */
  readonly alongside?: (file: FileRecord, deduplicated: boolean) => readonly Mutation[];
}

export interface Published {
  readonly file: FileRecord;
  /** The content was there before. */
  readonly deduplicated: boolean;
}

/**
 * Makes a file of content, in one commit: the file, its name's next generation, its hold on the
 * content, and what goes alongside. Of all who insist on the same generation, one gets through.
 *
 * @throws ServiceError `REVISION_MISMATCH` if the name has another generation than the draft insists on
 */
export function publishFile(deps: FilesDeps, publication: Publication): Promise<Published> {
  const { sha256 } = publication.digest;
  // The blob is unprotected until its reference is committed: see dropUnreferenced.
  const published = deps.locks.contents.run(sha256, async () => {
    publication.signal.throwIfAborted();
    const stored = await publication.staged?.publish(publication.digest);
    return commitFile(deps, publication, stored?.deduplicated ?? true);
  });
  return published.catch(async (error: unknown) => {
    await dropUnreferenced(deps, sha256);
    throw error;
  });
}

function commitFile(deps: FilesDeps, publication: Publication, deduplicated: boolean): Promise<Published> {
  const { owner, draft, signal } = publication;
  const name = { owner, filename: draft.filename };
  return deps.locks.names.run(nameKey(name), () =>
    untilCommitted(async () => {
      const before = await readName(deps.records, name);
      checkGeneration(draft.ifGenerationMatch, before.value.current);
      const draftFile = newFile(publication, deps.clock.now());
      const { generation, mutations } = addToName(before, draftFile);
      const file: FileRecord = { ...draftFile, generation };
      const alongside = publication.alongside?.(file, deduplicated) ?? [];
      signal.throwIfAborted(); // the last moment: from here on the file exists
      await commitOwned(deps.records, [...fileMutations(file), ...mutations, ...alongside]);
      return { file, deduplicated };
    }),
  );
}

function newFile({ owner, draft, digest }: Publication, nowMs: number): Omit<FileRecord, "generation"> {
  return {
    fileId: newId(),
    owner,
    filename: draft.filename,
    size: digest.size,
    sha256: digest.sha256,
    crc32c: digest.crc32c,
    contentType: draft.contentType,
    metadata: draft.metadata,
    metageneration: 1,
    createdAt: nowMs,
    updatedAt: nowMs,
    ...(draft.ttlMs !== undefined && { expiresAt: nowMs + draft.ttlMs }),
  };
}

function fileMutations(file: FileRecord): Mutation[] {
  const mutations = [putJson(FILES, file.fileId, file, 0), addReference(file.sha256, file.owner, file.fileId)];
  if (file.expiresAt !== undefined) mutations.push(addDue(file.expiresAt, "file", file.fileId));
  return mutations;
}
