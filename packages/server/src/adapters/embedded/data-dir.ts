import { randomBytes } from "node:crypto";
import { chmod, mkdir, open, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { syncFolder, writeFileDurably } from "./durable-files.js";
import { isMissing } from "./storage-error.js";

/** What a data folder is, made once and kept for its life. */
export interface DataIdentity {
  /** Names this data: 26 characters, in the server's info and inside its tokens. */
  readonly clusterId: string;
  /** Key that signs page tokens and cursors: 32 random bytes. Never leaves the server. */
  readonly tokenSecret: Uint8Array;
}

/** Result code of SQLite, https://sqlite.org/rescode.html#busy. */
const SQLITE_BUSY = 5;

/** Another server uses the folder. */
export class DataDirInUseError extends Error {
  override readonly name = "DataDirInUseError";
}

/**
 * The folder where an embedded server keeps everything, held by one process at a time. Only the
 * user who runs the server can enter it (0700); the files in it are 0600.
 */
export class DataDir implements Disposable {
  readonly path: string;
  readonly identity: DataIdentity;
  readonly #lock: DatabaseSync;

  private constructor(path: string, identity: DataIdentity, lock: DatabaseSync) {
    this.path = path;
    this.identity = identity;
    this.#lock = lock;
  }

  /**
   * Takes the folder at `path`, making it if it is not there.
   *
   * @throws {@link DataDirInUseError} if another server, in this process or another, holds it
   */
  static async open(path: string): Promise<DataDir> {
    await makeFolders(path);
    await chmod(path, 0o700);
    const lock = await takeLock(path);
    try {
      return new DataDir(path, await identityOf(join(path, "identity.json")), lock);
    } catch (error) {
      lock.close();
      throw error;
    }
  }

  /** Lets another server use the folder. */
  [Symbol.dispose](): void {
    this.#lock.close();
  }
}

/**
 * Makes a folder that only this user can enter, and those above it; keeps those that are there. Each by itself, and from
 * the bottom up: `mkdir` of Node 24 with `recursive` never ends where a folder is there and none can be made in it, as
 * in /proc.
 */
async function makeFolders(path: string): Promise<void> {
  const parent = dirname(path);
  try {
    return await makeFolder(path, parent);
  } catch (error) {
    if (!isMissing(error) || parent === path) throw error;
  }
  await makeFolders(parent);
  await makeFolder(path, parent);
}

async function makeFolder(path: string, parent: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (isMissing(error) || !(await isFolder(path))) throw error;
    return;
  }
  await syncFolder(parent);
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** An exclusive lock of SQLite's: it ends with the process, however that ends. */
async function takeLock(folder: string): Promise<DatabaseSync> {
  const path = join(folder, "lock.db");
  await (await open(path, "a", 0o600)).close();
  const lock = new DatabaseSync(path, { timeout: 0 });
  try {
    // The journal in memory: nothing is ever written, and a full disk does not keep the lock from us.
    lock.exec("PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock.close();
    if (!isBusy(error)) throw error;
    throw new DataDirInUseError(`another server uses the data directory ${folder}`, { cause: error });
  }
}

function isBusy(error: unknown): boolean {
  return (
    typeof error === "object" && error !== null && "errcode" in error && (Number(error.errcode) & 0xff) === SQLITE_BUSY
  );
}

async function identityOf(path: string): Promise<DataIdentity> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  const stored = text === undefined ? await makeIdentity(path) : (JSON.parse(text) as StoredIdentity);
  return { clusterId: stored.clusterId, tokenSecret: Buffer.from(stored.tokenSecret, "base64url") };
}

interface StoredIdentity {
  readonly clusterId: string;
  readonly tokenSecret: string;
}

async function makeIdentity(path: string): Promise<StoredIdentity> {
  const identity = { clusterId: randomBytes(13).toString("hex"), tokenSecret: randomBytes(32).toString("base64url") };
  await writeFileDurably(path, JSON.stringify(identity));
  return identity;
}
