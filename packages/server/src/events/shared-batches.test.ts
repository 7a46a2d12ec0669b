import { expect, it } from "@jest/globals";

import type { BatchRun } from "./encode-batches.js";
import type { FeedEvent } from "./feed.js";
import { SharedBatches } from "./shared-batches.js";

const WHOLE = { omitPayload: false, includePreviousPayload: false };
const MIB = 1024 * 1024;

const EVENTS = Array.from({ length: 5000 }, () => ({}) as FeedEvent);
const runOf = (from: number, to: number, position = to): BatchRun => ({ events: EVENTS.slice(from, to), position });

it("gives a batch to whoever wants the same events, position and view, and to nobody else", () => {
  const batches = new SharedBatches(MIB);
  const kept = batches.keep(runOf(0, 3), WHOLE, Buffer.from("abc"));
  expect(kept.messages).toEqual([Buffer.from("abc")]);
  expect(batches.find(runOf(0, 3), WHOLE)).toBe(kept);
  for (const other of [runOf(0, 2), runOf(0, 3, 4), runOf(1, 3), runOf(0, 0)]) {
    expect(batches.find(other, WHOLE)).toBeUndefined();
  }
  const [first, , third, fourth] = EVENTS;
  const selected = [first, third, fourth] as FeedEvent[]; // as many, from the same one on, to the same position
  expect(batches.find({ events: selected, position: 3 }, WHOLE)).toBeUndefined();
  expect(batches.find(runOf(0, 3), { ...WHOLE, omitPayload: true })).toBeUndefined();
});

it("shares nothing that holds payloads of earlier events: they are not there for ever", () => {
  const batches = new SharedBatches(MIB);
  const view = { ...WHOLE, includePreviousPayload: true };
  batches.keep(runOf(0, 3), view, Buffer.from("abc"));
  expect(batches.find(runOf(0, 3), view)).toBeUndefined();
  expect(batches.find(runOf(0, 3), WHOLE)).toBeUndefined();
});

it("keeps the newest of those that begin with the same event, and no more than there is room for", () => {
  const batches = new SharedBatches(MIB);
  batches.keep(runOf(0, 2), WHOLE, Buffer.from("ab"));
  const kept = batches.keep(runOf(0, 3), WHOLE, Buffer.from("abc"));
  expect([batches.find(runOf(0, 2), WHOLE), batches.find(runOf(0, 3), WHOLE)]).toEqual([undefined, kept]);
  for (let n = 1; n < 600; n += 1) batches.keep(runOf(n, n + 1), WHOLE, Buffer.from("x"));
  const there = EVENTS.slice(1, 600).filter(
    (_, index) => batches.find(runOf(index + 1, index + 2), WHOLE) !== undefined,
  );
  expect(batches.find(runOf(0, 3), WHOLE)).toBeUndefined();
  expect(there.length).toBeGreaterThan(400);
  expect(there.length).toBeLessThanOrEqual(512);
});
