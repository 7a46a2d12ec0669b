/** The thread that writes a SqliteItemStore. It imports only node: modules and what does so too. */
import { workerData } from "node:worker_threads";

import { serveCommits } from "./sqlite-group-commit.js";
import { ItemCollections } from "./sqlite-item-collections.js";
import { packResults, unpackCommits } from "./sqlite-item-commits.js";
import { ItemCommitter } from "./sqlite-item-committer.js";
import { openForWriting } from "./sqlite-item-database.js";
import { itemFailureOf } from "./sqlite-item-failure.js";
import { ItemLedger } from "./sqlite-item-ledger.js";
import type {
  ItemFailure,
  ItemStoreState,
  ItemWorkerData,
  ItemWriteRequest,
  ItemWriteResults,
} from "./sqlite-item-protocol.js";
import { ItemRemover } from "./sqlite-item-remover.js";

const { path, maxPages } = workerData as ItemWorkerData;
const database = openForWriting(path, maxPages);
const ledger = new ItemLedger(database);
const collections = new ItemCollections(database);
const committer = new ItemCommitter(database, ledger, collections);
const remover = new ItemRemover(database, ledger, collections);

serveCommits<ItemWriteRequest, ItemFailure>(
  {
    database,
    path,
    run,
    flush() {
      collections.flush();
      ledger.save();
    },
    forget() {
      ledger.load();
      collections.forget();
    },
    failureOf: itemFailureOf,
    unavailable: (message) => ({ kind: "unavailable", message }),
  },
  { version: ledger.version } satisfies ItemStoreState,
);

function run(request: Exclude<ItemWriteRequest, { kind: "close" }>): ItemWriteResults[keyof ItemWriteResults] {
  switch (request.kind) {
    case "commit":
      return packResults(unpackCommits(request.commits).map((commit) => committer.apply(commit, request.nowMs)));
    case "drop":
      return remover.drop(request.collection);
    case "vacuum":
      return remover.vacuum(request.beforeMs, request.tombstones);
  }
}
