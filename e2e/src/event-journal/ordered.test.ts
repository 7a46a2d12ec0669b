import { describe, expect, it } from "@jest/globals";

import { altered, goodJournal, indexOfEvent, violationsOf, withRecords } from "./good-journal.test.support.js";
import { ordered } from "./ordered.js";

describe("ordered", () => {
  const journal = goodJournal();

  it("accepts a journal in which all is in order", () => {
    for (let seed = 1; seed <= 20; seed++) expect(violationsOf(ordered, goodJournal(seed))).toEqual([]);
  });

  it("finds two events that were handed over in the wrong order", () => {
    const swapped = withRecords(journal, (records) => {
      const [a, b] = [indexOfEvent(records, 3), indexOfEvent(records, 4)];
      return records.with(a, records[b]!).with(b, records[a]!);
    });
    expect(violationsOf(ordered, swapped)).toEqual([expect.stringContaining("all: event")]);
  });

  it("finds an event of the session before at the end of the next", () => {
    const [first] = journal.watches[0]!.sessions;
    const late = withRecords(journal, (records) => [...records, first!.records[indexOfEvent(first!.records, 0)]!]);
    expect(violationsOf(ordered, late)).not.toEqual([]);
  });

  it("finds a revision that goes back while the sequence rises", () => {
    const back = withRecords(journal, (records) => {
      const at = indexOfEvent(records, records.length - 10);
      return records.with(at, altered(records[at], { revision: 0 }));
    });
    expect(violationsOf(ordered, back)).toEqual([expect.stringContaining("lower revision")]);
  });

  it("finds a hole in the revisions of a stream", () => {
    const holed = { ...journal, stored: journal.stored.toSpliced(50, 1) };
    expect(violationsOf(ordered, holed)).toEqual([expect.stringContaining("comes without revision")]);
  });

  it("finds a log whose sequences go back", () => {
    const stored = journal.stored.with(10, journal.stored[11]!).with(11, journal.stored[10]!);
    expect(violationsOf(ordered, { ...journal, stored })).not.toEqual([]);
  });

  it("finds a publisher whose later event is earlier in the log", () => {
    const [a, b] = [journal.acknowledged[8]!, journal.acknowledged[12]!];
    const acknowledged = journal.acknowledged.with(8, b).with(12, a);
    expect(violationsOf(ordered, { ...journal, acknowledged })).toEqual([
      expect.stringContaining("publisher 0: event"),
    ]);
  });
});
