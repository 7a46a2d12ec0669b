/** How a SqliteEventLog stores appends. Imports only node: modules and what does so too. */
import type { DatabaseSync, StatementSync } from "node:sqlite";

import type { PackedAppend } from "./sqlite-event-appends.js";
import { blockOf } from "./sqlite-event-blocks.js";
import type { EventLedger } from "./sqlite-event-ledger.js";
import type { EventNames, StreamEntry, TypeEntry } from "./sqlite-event-names.js";
import type { AppendOutcome, AppendPlaces, EventFailure } from "./sqlite-event-protocol.js";
import type { EventContent, EventPlace, EventRecord } from "./sqlite-event-record.js";
import { RecordWriter } from "./sqlite-event-record-writer.js";
import { addRow, DamagedEvent, type EventRow, NamesByNumber, prepareRow } from "./sqlite-event-row.js";

type Places = Map<number, { readonly sequence: number; readonly revision: number }>;

/** An event of an append: as it came, and read. */
interface Draft {
  readonly record: EventRecord;
  readonly content: EventContent;
}

/**
 * Stores appends within a transaction of the caller. All that can be wrong with one is found before
 * anything of it is written, so that those around it in the transaction need no savepoint.
 */
export class EventAppender {
  readonly #ledger: EventLedger;
  readonly #names: EventNames;
  readonly #rowOf: (sequence: number) => EventRow;
  readonly #namesOfRows: NamesByNumber;
  readonly #statements: Readonly<Record<"find" | "insert" | "noteStream" | "noteType", StatementSync>>;

  constructor(database: DatabaseSync, ledger: EventLedger, names: EventNames) {
    this.#ledger = ledger;
    this.#names = names;
    this.#statements = {
      find: database.prepare("SELECT sequence FROM events WHERE id = ? AND stream_id = ?"),
      insert: database.prepare("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
      noteStream: database.prepare("INSERT OR IGNORE INTO stream_blocks VALUES (?, ?)"),
      noteType: database.prepare("INSERT OR IGNORE INTO type_blocks VALUES (?, ?)"),
    };
    this.#rowOf = prepareRow(database);
    this.#namesOfRows = new NamesByNumber(database, { keeps: false }); // a name may be rolled back, its number given again
  }

  append({ expectedRevision, records }: PackedAppend, nowMs: number): AppendOutcome {
    const drafts = records.map((record) => ({ record, content: record.content() }));
    const name = drafts[0]?.content.stream ?? "";
    const stream = this.#names.findStream(name);
    const known: Places = new Map();
    const failure = stream && this.#findKnown(stream, drafts, known);
    if (failure !== undefined) return { failure };
    const actual = stream?.lastRevision ?? 0;
    if (known.size < drafts.length && actual !== (expectedRevision ?? actual)) {
      return { failure: { kind: "revision", stream: name, expected: expectedRevision ?? 0, actual } };
    }
    const fresh = drafts.filter((_, index) => !known.has(index));
    const places = this.#store(stream ?? this.#names.addStream(name), fresh, nowMs);
    return { places: known.size === 0 ? places : { ...places, known } };
  }

  /** Puts the places of events that the stream has already into `known`. */
  #findKnown({ streamId }: StreamEntry, drafts: readonly Draft[], known: Places): EventFailure | undefined {
    for (const [index, { record, content }] of drafts.entries()) {
      const found = this.#statements.find.get(content.id, streamId) as { sequence: number } | undefined;
      if (found === undefined) continue;
      try {
        const row = this.#rowOf(found.sequence);
        const isSame = addRow(new RecordWriter(1024), row, this.#namesOfRows).saysTheSame(record);
        if (!isSame) return { kind: "conflict", stream: content.stream, id: content.id };
        known.set(index, { sequence: row[0], revision: row[1] });
      } catch (error) {
        if (error instanceof DamagedEvent) return { kind: "damaged", message: error.message };
        throw error;
      }
    }
    return undefined;
  }

  #store(stream: StreamEntry, drafts: readonly Draft[], nowMs: number): AppendPlaces {
    const ledger = this.#ledger;
    const places = { sequence: ledger.lastSequence + 1, revision: stream.lastRevision + 1 };
    const appendEnd = ledger.lastSequence + drafts.length;
    if (drafts.length > 0) ledger.lastStoredAtMs = Math.max(ledger.lastStoredAtMs, nowMs); // the clock may step back
    const storedAtMs = ledger.lastStoredAtMs;
    for (const draft of drafts) {
      ledger.lastSequence += 1;
      const revision = this.#names.nextRevision(stream);
      const sequence = ledger.lastSequence;
      this.#insert(stream, draft, { sequence, revision, appendStart: places.sequence, appendEnd, storedAtMs });
    }
    return { ...places, lastRevision: stream.lastRevision, storedAtMs };
  }

  #insert(stream: StreamEntry, { record, content }: Draft, place: EventPlace): void {
    const { sequence, revision, appendStart, appendEnd, storedAtMs } = place;
    const { id, key, tombstone, head, payload } = content;
    const type = this.#names.type(content.type);
    record.setPlace(place);
    const where = [sequence, stream.streamId, revision, type.typeId, appendStart, appendEnd, storedAtMs];
    const what = [id, key === "" ? null : key, tombstone ? 1 : 0, record.checksum(), head, payload];
    this.#statements.insert.run(...where, ...what);
    this.#note(stream, type, blockOf(sequence));
    if (stream.streamId < 0) return;
    this.#ledger.keptEvents += 1;
    this.#ledger.keptBytes += head.length + payload.length;
  }

  #note(stream: StreamEntry, type: TypeEntry, block: number): void {
    if (stream.block !== block) this.#statements.noteStream.run(stream.streamId, block);
    stream.block = block;
    if (stream.streamId < 0 || type.block === block) return;
    this.#statements.noteType.run(type.typeId, block);
    type.block = block;
  }
}
