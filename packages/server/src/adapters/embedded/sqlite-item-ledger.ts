/** What a SqliteItemStore knows about all of its rows. Imports only node: modules. */
import type { DatabaseSync, StatementSync } from "node:sqlite";

/** The one row of the table `store`, kept in memory and written once per transaction. */
export class ItemLedger {
  /** Newest version. */
  version = 0;
  /** Moment of the newest version. */
  updatedAtMs = 0;
  /** Snapshots before this version may lack rows. */
  snapshotsFrom = 0;
  readonly #load: StatementSync;
  readonly #save: StatementSync;

  constructor(database: DatabaseSync) {
    this.#load = database.prepare(
      "SELECT version, updated_at_ms AS updatedAtMs, snapshots_from AS snapshotsFrom FROM store",
    );
    this.#save = database.prepare("UPDATE store SET version = ?, updated_at_ms = ?, snapshots_from = ?");
    this.load();
  }

  load(): void {
    Object.assign(this, this.#load.get());
  }

  save(): void {
    this.#save.run(this.version, this.updatedAtMs, this.snapshotsFrom);
  }
}
