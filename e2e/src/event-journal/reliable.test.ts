import { describe, expect, it } from "@jest/globals";

import { goodJournal, indexOfEvent, violationsOf, withRecords, withSessions } from "./good-journal.test.support.js";
import { reliable } from "./reliable.js";

describe("reliable", () => {
  const journal = goodJournal();

  it("accepts a journal in which nothing is missing", () => {
    for (let seed = 1; seed <= 20; seed++) expect(violationsOf(reliable, goodJournal(seed))).toEqual([]);
  });

  it("accepts events in the log that were never acknowledged", () => {
    const acknowledged = journal.acknowledged.filter((_, index) => index % 5 > 0);
    expect(violationsOf(reliable, { ...journal, acknowledged })).toEqual([]);
  });

  it("finds an event in the middle that a watcher was not handed", () => {
    const lost = withRecords(journal, (records) => records.toSpliced(indexOfEvent(records, 6), 1));
    expect(violationsOf(reliable, lost)).toEqual([expect.stringContaining("was not handed over")]);
  });

  it("finds that a watcher did not come to the end", () => {
    const short = withSessions(journal, (sessions) => sessions.slice(0, 2));
    expect(violationsOf(reliable, short).length).toBeGreaterThan(10);
  });

  it("finds an acknowledged event that the log does not have", () => {
    const stored = journal.stored.slice(0, -1);
    const found = violationsOf(reliable, { ...journal, stored });
    expect(found).toEqual([expect.stringContaining("was acknowledged and is not in the log")]);
  });

  it.each([{ payload: "{}" }, { id: "another" }, { type: "another" }, { stream: "another" }, { revision: 7000 }])(
    "finds an acknowledged event that is stored with %j",
    (change) => {
      const stored = journal.stored.with(4, { ...journal.stored[4]!, ...change });
      const found = violationsOf(reliable, { ...journal, stored });
      expect(found).toEqual([expect.stringContaining("is in its place")]);
    },
  );
});
