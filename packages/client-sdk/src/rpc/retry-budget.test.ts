import { expect, it } from "@jest/globals";

import { RetryBudget } from "./retry-budget.js";

it("a budget allows four failures in a row, and then a retry per ten successes", () => {
  const budget = new RetryBudget();
  for (let n = 0; n < 4; n++) budget.failed();
  expect(budget.allowsRetry).toBe(true);
  budget.failed();
  expect(budget.allowsRetry).toBe(false);
  budget.succeeded();
  expect(budget.allowsRetry).toBe(true);
  budget.failed();
  for (let n = 0; n < 9; n++) budget.succeeded();
  expect(budget.allowsRetry).toBe(false);
  budget.succeeded();
  budget.succeeded();
  expect(budget.allowsRetry).toBe(true);
});

it("a budget is never more than full", () => {
  const budget = new RetryBudget();
  for (let n = 0; n < 1000; n++) budget.succeeded();
  for (let n = 0; n < 5; n++) budget.failed();
  expect(budget.allowsRetry).toBe(false);
});
