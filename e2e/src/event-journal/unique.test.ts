import { describe, expect, it } from "@jest/globals";

import { altered, goodJournal, indexOfEvent, violationsOf, withRecords } from "./good-journal.test.support.js";
import { unique } from "./unique.js";

describe("unique", () => {
  const journal = goodJournal();

  it("accepts a journal without repetitions", () => {
    for (let seed = 1; seed <= 20; seed++) expect(violationsOf(unique, goodJournal(seed))).toEqual([]);
  });

  it("finds an event that was handed over twice in a session", () => {
    const twice = withRecords(journal, (records) => {
      const at = indexOfEvent(records, 5);
      return records.toSpliced(at, 0, records[at]!);
    });
    expect(violationsOf(unique, twice)).toEqual([expect.stringContaining("all: event")]);
  });

  it("finds an event that a resumed session hands over once more", () => {
    const [first] = journal.watches[0]!.sessions;
    const last = first!.records.findLast(({ kind }) => kind === "event");
    expect(
      violationsOf(
        unique,
        withRecords(journal, (records) => [last!, ...records]),
      ),
    ).toHaveLength(1);
  });

  it("finds an event that comes again under another sequence", () => {
    const again = withRecords(journal, (records) => {
      const at = indexOfEvent(records, 5);
      return [...records, altered(records[at], { sequence: 100_000 })];
    });
    expect(violationsOf(unique, again)).toHaveLength(1);
  });

  it("finds a publication that was stored twice because it was repeated", () => {
    const repeated = { ...journal.stored[3]!, sequence: 100_000, revision: 1000 };
    const stored = [...journal.stored, repeated];
    expect(violationsOf(unique, { ...journal, stored })).toEqual([expect.stringContaining("the log: event 100000")]);
  });
});
