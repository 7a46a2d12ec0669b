import { describe, expect, it } from "@jest/globals";

import { goodJournal, indexOfEvent, violationsOf, withRecords, withSessions } from "./good-journal.test.support.js";
import { resumable } from "./resumable.js";

describe("resumable", () => {
  const journal = goodJournal();

  it("accepts sessions that go on exactly where they should", () => {
    for (let seed = 1; seed <= 20; seed++) expect(violationsOf(resumable, goodJournal(seed))).toEqual([]);
  });

  it("accepts a session that ended before anything came", () => {
    expect(
      violationsOf(
        resumable,
        withRecords(journal, () => []),
      ),
    ).toEqual([
      expect.stringContaining("its token stands for undefined"), // what the next session went on from
    ]);
    const empty = withSessions(journal, ([first, second]) => [first!, { ...second!, records: [] }]);
    expect(violationsOf(resumable, empty)).toEqual([]);
  });

  it("finds a session that skips the first event after its token", () => {
    const skipped = withRecords(journal, (records) => records.slice(indexOfEvent(records, 1)));
    expect(violationsOf(resumable, skipped)).toEqual([expect.stringContaining("began with")]);
  });

  it("finds a session that begins with the event that carried its token", () => {
    const [first] = journal.watches[0]!.sessions;
    const last = first!.records.findLast(({ kind }) => kind === "event");
    const early = withRecords(journal, (records) => [last!, ...records]);
    expect(violationsOf(resumable, early)).toEqual([expect.stringContaining("began with")]);
  });

  it("finds a session from the beginning that does not begin there", () => {
    const late = withSessions(journal, ([first, ...rest]) => {
      const records = first!.records.slice(indexOfEvent(first!.records, 2));
      return [{ ...first!, records }, ...rest];
    });
    expect(violationsOf(resumable, late)).toEqual([expect.stringContaining("a session behind 0")]);
  });

  it("finds a session that silently started live", () => {
    const live = withRecords(journal, (records) => records.slice(-1));
    expect(violationsOf(resumable, live)).not.toEqual([]);
  });

  it("finds a token that stands for another place than the record that carried it", () => {
    const moved = withSessions(journal, ([first, second, third]) => [
      first!,
      { ...second!, after: second!.after + 1 },
      third!,
    ]);
    expect(violationsOf(resumable, moved)).toContainEqual(expect.stringContaining("its token stands for"));
  });
});
