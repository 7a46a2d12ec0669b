/** Where a SqliteEventLog begins and ends. Imports only node: modules and what does so too. */
import type { DatabaseSync, StatementSync } from "node:sqlite";

import { RecordWriter } from "./sqlite-event-record-writer.js";
import { addRow, DamagedEvent, DamagedLog, type EventRow, NamesByNumber, SELECT_EVENTS } from "./sqlite-event-row.js";

/** Sequences before the first one that are looked at. */
const LOOKED_BACK = 1024;

/** Both included; `last` is one less than `first` where there are none. */
interface Ends {
  readonly first: number;
  readonly last: number;
}

/** What the table `log` says of both ends, and whether the events agree: a bit that has changed there would hide them. */
export class LogEnds {
  readonly #names: NamesByNumber;
  readonly #statements: Readonly<Record<"ends" | "before" | "behind", StatementSync>>;

  constructor(database: DatabaseSync) {
    this.#names = new NamesByNumber(database, { keeps: false });
    this.#statements = {
      ends: database.prepare("SELECT first_sequence AS first, last_sequence AS last FROM log"),
      before: database.prepare(
        `${SELECT_EVENTS} e.sequence BETWEEN ? AND ? AND e.stream_id > 0 ORDER BY e.sequence DESC LIMIT 1`,
      ),
      behind: database.prepare(`${SELECT_EVENTS} e.sequence > ? ORDER BY e.sequence DESC LIMIT 1`),
    };
    for (const statement of [this.#statements.before, this.#statements.behind]) statement.setReturnArrays(true);
  }

  /** @throws {DamagedLog} if it says neither */
  get(): Ends {
    const { first, last } = this.#statements.ends.get() ?? {};
    if (isPosition(first) && isPosition(last)) return { first, last };
    throw new DamagedLog("it does not say where it begins and ends");
  }

  /** @throws {DamagedLog} if there are events before the first one */
  checkFirst({ first, last }: Ends): void {
    if (first > last + 1) throw new DamagedLog(`its events begin at ${String(first)}, but end at ${String(last)}`);
    const before = this.#statements.before.get(first - LOOKED_BACK, first - 1);
    if (this.#isWhole(before)) throw new DamagedLog(`it has events before ${String(first)}, where it should begin`);
  }

  /** @throws {DamagedLog} if there are events behind the last one */
  checkLast({ last }: Ends): void {
    const behind = this.#statements.behind.get(last);
    if (this.#isWhole(behind)) throw new DamagedLog(`it has events behind ${String(last)}, where it should end`);
  }

  #isWhole(found: unknown): boolean {
    if (found === undefined) return false;
    try {
      addRow(new RecordWriter(1024), found as EventRow, this.#names);
      return true;
    } catch (error) {
      if (error instanceof DamagedEvent) return false; // not where it was stored
      throw error;
    }
  }
}

/** Where a bit has changed, a column may have another type than the table says. */
function isPosition(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
