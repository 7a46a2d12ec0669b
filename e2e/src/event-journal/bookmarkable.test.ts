import { describe, expect, it } from "@jest/globals";

import { bookmarkable } from "./bookmarkable.js";
import { goodJournal, indexOfEvent, violationsOf, withRecords } from "./good-journal.test.support.js";

describe("bookmarkable", () => {
  const journal = goodJournal();
  const bookmark = (sequence: number) => ({ kind: "bookmark" as const, sequence, resumeToken: "any" });

  it("accepts bookmarks that tell the truth", () => {
    for (let seed = 1; seed <= 20; seed++) expect(violationsOf(bookmarkable, goodJournal(seed))).toEqual([]);
  });

  it("finds a bookmark ahead of events that follow it", () => {
    const early = withRecords(journal, (records) => {
      const [before, after] = [indexOfEvent(records, 4), records[indexOfEvent(records, 5)]!];
      const sequence = after.kind === "event" ? after.event.sequence : after.sequence;
      return records.toSpliced(before + 1, 0, bookmark(sequence));
    });
    expect(violationsOf(bookmarkable, early)).toEqual([
      expect.stringContaining("comes after the bookmark"),
      expect.stringContaining("comes before event"),
    ]);
  });

  it("finds a bookmark that promises an event which never comes", () => {
    const hollow = withRecords(journal, (records) => {
      const at = indexOfEvent(records, 4);
      const lost = records[at]!;
      return records.with(at, bookmark(lost.kind === "event" ? lost.event.sequence : lost.sequence));
    });
    expect(violationsOf(bookmarkable, hollow)).toEqual([expect.stringContaining("comes before event")]);
  });

  it("finds a bookmark that goes back", () => {
    const back = withRecords(journal, (records) => [...records, bookmark(1)]);
    expect(violationsOf(bookmarkable, back)).toContainEqual(expect.stringContaining("the bookmark 1 comes after"));
  });
});
