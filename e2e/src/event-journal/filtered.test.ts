import { describe, expect, it } from "@jest/globals";

import type { EventJournal } from "./event-journal.js";
import { filtered } from "./filtered.js";
import { altered, goodJournal, indexOfEvent, violationsOf, withRecords } from "./good-journal.test.support.js";

describe("filtered", () => {
  const journal = goodJournal();

  it("accepts what was asked for, unchanged", () => {
    for (let seed = 1; seed <= 20; seed++) expect(violationsOf(filtered, goodJournal(seed))).toEqual([]);
  });

  it("finds events that the watcher did not ask for", () => {
    const [all, orders] = journal.watches;
    const watches = [all!, { ...orders!, sessions: all!.sessions }];
    const bills = journal.stored.filter(({ type }) => type === "bill.sent");
    expect(violationsOf(filtered, { ...journal, watches })).toHaveLength(bills.length);
  });

  it.each([{ payload: "{}" }, { id: "another" }, { type: "another" }, { stream: "another" }, { revision: 7000 }])(
    "finds an event that was handed over with %j",
    (change) => {
      expect(violationsOf(filtered, changed(journal, change))).toEqual([
        expect.stringContaining("is not as the log has it"),
      ]);
    },
  );

  it("finds an event that nobody stored", () => {
    const invented = changed(journal, { sequence: 100_000 });
    expect(violationsOf(filtered, invented)).toEqual([expect.stringContaining("is not in the log")]);
  });
});

function changed(journal: EventJournal, change: Parameters<typeof altered>[1]): EventJournal {
  return withRecords(journal, (records) => {
    const at = indexOfEvent(records, 3);
    return records.with(at, altered(records[at], change));
  });
}
