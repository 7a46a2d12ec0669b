import { expect, it } from "@jest/globals";

import { goodJournal } from "./good-journal.test.support.js";
import { validateJournal } from "./validate-journal.js";

it("counts the violations of each validator and gives a few in words", () => {
  const journal = goodJournal();
  const none = { violations: 0, examples: [] };
  const good = { ordered: none, unique: none, reliable: none, resumable: none, bookmarkable: none, filtered: none };
  expect(validateJournal(journal)).toEqual(good);

  const lost = { violations: journal.acknowledged.length, examples: expect.any(Array) };
  const verdicts = validateJournal({ ...journal, stored: [], watches: [] });
  expect(verdicts).toEqual({ ...good, reliable: lost });
  expect(verdicts.reliable.examples).toHaveLength(5);
});
