import { join } from "node:path";

import type { BlobStore } from "../../ports/blob-store.js";
import type { RecordStore } from "../../ports/record-store.js";

import type { DataIdentity } from "./data-dir.js";
import { DataDir } from "./data-dir.js";
import type { FsBlobStoreOptions } from "./fs-blob-store.js";
import { FsBlobStore } from "./fs-blob-store.js";
import { SqliteRecordStore } from "./sqlite-record-store.js";

/** Everything that a server on one machine keeps, in one folder. */
export interface EmbeddedStores extends AsyncDisposable {
  readonly blobs: BlobStore;
  readonly records: RecordStore;
  readonly identity: DataIdentity;
}

/**
 * Opens the stores in `path`, making them if they are not there.
 *
 * @throws DataDirInUseError if another server holds the folder
 */
export async function openEmbeddedStores(path: string, options: FsBlobStoreOptions = {}): Promise<EmbeddedStores> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await DataDir.open(path));
  const opening = SqliteRecordStore.open(join(path, "records.db"));
  stack.defer(() => opening.then((records) => records[Symbol.asyncDispose](), ignoreFailure));
  const blobs = stack.use(await FsBlobStore.open(path, options)); // while the records' thread starts
  const records = await opening;
  const opened = stack.move();
  return { blobs, records, identity: folder.identity, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** Who awaits the opening says so. */
function ignoreFailure(): void {}
