/** What went wrong in a worker of a SqliteEventLog. Imports only node: modules and what does so too. */
import { PositionCompacted } from "../../ports/event-log.js";

import type { EventFailure } from "./sqlite-event-protocol.js";
import { DamagedLog } from "./sqlite-event-row.js";

/** Result codes of SQLite, https://sqlite.org/rescode.html. */
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_NOTADB = 26;
/** The file that is shared between connections cannot grow: the disk is full, too. */
const SQLITE_IOERR_SHMSIZE = 4874;

/** The failure that an exception means. */
export function failureOf(error: unknown): EventFailure {
  if (error instanceof PositionCompacted) {
    return { kind: "compacted", after: error.after, firstSequence: error.firstSequence };
  }
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "errcode" in error ? Number(error.errcode) : 0;
  if ((code & 0xff) === SQLITE_FULL || code === SQLITE_IOERR_SHMSIZE) return { kind: "full", message };
  const damaged = [SQLITE_CORRUPT, SQLITE_NOTADB].includes(code & 0xff) || error instanceof DamagedLog;
  return { kind: damaged ? "damaged" : "unavailable", message };
}
