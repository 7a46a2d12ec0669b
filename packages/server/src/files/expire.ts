import type { Mutation } from "../ports/record-store.js";
import { VersionConflict } from "../ports/record-store.js";

import { dropUnreferenced } from "./contents.js";
import { removeFile } from "./delete-file.js";
import type { DueEntry, DueKind } from "./due.js";
import { addDue, listDue } from "./due.js";
import { forgetName } from "./file-names.js";
import type { FileRecord } from "./file-record.js";
import { FILES, isExpired } from "./file-record.js";
import type { FilesDeps } from "./files-deps.js";
import { getJson } from "../records/json-records.js";
import { Rounds } from "../upkeep/rounds.js";
import type { UploadRecord } from "./upload-record.js";
import { UPLOADS } from "./upload-record.js";
import { abandonUpload, forgetUpload } from "./upload-sessions.js";

/** Entries of one round, at most: a round is short, and the next one follows soon if there is more. */
const ROUND = 100;
const PERIOD_MS = 10_000;

/**
 * Removes what has had its time, for as long as the server runs. Begins with what a crash may have left: `staged` are the
 * ids that were staged at the start.
 */
export function filesUpkeep(deps: FilesDeps, staged: readonly string[]): Rounds {
  const { clock, log: logger } = deps;
  let isFirst = true;
  const options = { clock, logger, periodMs: PERIOD_MS, what: "removing what has expired" };
  const rounds = new Rounds(options, async (stopped) => {
    if (isFirst) await dropOrphans(deps, staged, stopped);
    isFirst = false;
    return !stopped() && (await sweep(deps)) === ROUND;
  });
  rounds.start();
  return rounds;
}

/** What fails is logged; the next start tries again. */
async function dropOrphans(deps: FilesDeps, staged: readonly string[], stopped: () => boolean): Promise<void> {
  try {
    await dropOrphanUploads(deps, staged, stopped);
    await dropOrphanContent(deps, stopped);
  } catch (error) {
    deps.log.warn({ err: error }, "removing what a crash has left failed; trying again after the next start");
  }
}

/** Looks at what is due, at most 100 entries. Returns how many are done with; the others stay due. */
export async function sweep(deps: FilesDeps): Promise<number> {
  let done = 0;
  for (const entry of await listDue(deps.records, deps.clock.now(), ROUND)) {
    try {
      const follow = await HANDLERS[entry.kind](deps, entry);
      await deps.records.commit([entry.mutationDone, ...follow]);
      done += 1;
    } catch (error) {
      const wasJustUsed = error instanceof VersionConflict;
      if (!wasJustUsed)
        deps.log.warn({ err: error, kind: entry.kind }, "removing what has expired failed; trying again later");
    }
  }
  return done;
}

/** Each returns what is committed together with the removal of the entry. */
const HANDLERS: Readonly<Record<DueKind, (deps: FilesDeps, entry: DueEntry) => Promise<readonly Mutation[]>>> = {
  upload: expireUpload,
  file: expireFile,
  name: ({ records, clock }, { id }) => forgetName(records, id, clock.now()),
};

/** An open session ends; one that ended long ago is forgotten; one that was written since is due later. */
async function expireUpload(deps: FilesDeps, { id }: DueEntry): Promise<readonly Mutation[]> {
  const upload = await getJson<UploadRecord>(deps.records, UPLOADS, id);
  if (upload === undefined) return [];
  const { state, expiresAt } = upload.value;
  if (expiresAt > deps.clock.now()) return [addDue(expiresAt, "upload", id)];
  if (state !== "open") return forgetUpload(deps.records, upload);
  await abandonUpload(deps, upload, "expired");
  return [];
}

async function expireFile(deps: FilesDeps, { id }: DueEntry): Promise<readonly Mutation[]> {
  const file = await getJson<FileRecord>(deps.records, FILES, id);
  if (file === undefined) return [];
  const { expiresAt } = file.value;
  if (isExpired(file.value, deps.clock.now())) await removeFile(deps, file);
  else if (expiresAt !== undefined) return [addDue(expiresAt, "file", id)];
  return [];
}

/** Staged bytes whose session has ended, or that were a stream's own. */
async function dropOrphanUploads(deps: FilesDeps, staged: readonly string[], stopped: () => boolean): Promise<void> {
  for (const id of staged) {
    if (stopped()) return;
    const upload = await getJson<UploadRecord>(deps.records, UPLOADS, id);
    if (upload?.value.state !== "open") await deps.blobs.discard(id);
  }
}

/** Content that was stored, but whose file was never committed. */
async function dropOrphanContent(deps: FilesDeps, stopped: () => boolean): Promise<void> {
  for (let after: string | undefined; !stopped();) {
    const page = await deps.blobs.list({ limit: ROUND, ...(after !== undefined && { after }) });
    for (const sha256 of page) await dropUnreferenced(deps, sha256);
    after = page.at(-1);
    if (after === undefined) return;
  }
}
