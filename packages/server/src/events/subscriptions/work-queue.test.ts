import { describe, expect, it } from "@jest/globals";
import { createTokenSigner } from "@millrace/shared-types";

import type { FeedEvent } from "../feed.js";
import { Positions } from "../positions.js";
import { SharedEvent } from "../shared-event.js";

import type { LoadedWork } from "./work-queue.js";
import { WorkQueue } from "./work-queue.js";

const positions = new Positions(createTokenSigner(Buffer.alloc(32, 1)), "c1", "epoch");

function event(sequence: number, key = ""): FeedEvent {
  const nothing = new Uint8Array();
  const draft = { id: String(sequence), type: "t", key, tombstone: false, head: nothing, payload: nothing };
  const place = { sequence, stream: "s", revision: sequence, appendEnd: sequence, storedAtMs: 0 };
  return new SharedEvent({ ...draft, ...place }, positions);
}

/** Takes all that is ready. */
function takeAll(queue: WorkQueue): LoadedWork[] {
  const taken: LoadedWork[] = [];
  for (let work = queue.peek(); work !== undefined; work = queue.peek()) {
    queue.take();
    taken.push(work);
  }
  return taken;
}

const sequences = (works: readonly LoadedWork[]): readonly number[] => works.map(({ sequence }) => sequence);

describe("a work queue", () => {
  it("gives out in order of arrival, what was delivered before first, and each once", () => {
    const queue = new WorkQueue(false);
    for (const sequence of [1, 2, 3, 3]) queue.add(event(sequence));
    const [first, second] = takeAll(queue);
    queue.add(event(4));
    for (const work of [second, first]) if (work !== undefined) queue.putBack(Object.assign(work, { attempts: 1 }), 0);
    expect(sequences(takeAll(queue))).toEqual([2, 1, 4]);
    expect(queue.size).toBe(4);
  });

  it("holds back what has a moment until then, and says when that is", () => {
    const queue = new WorkQueue(false);
    for (const sequence of [1, 2]) queue.add(event(sequence));
    const [first, second] = takeAll(queue);
    if (first === undefined || second === undefined) throw new Error("no work");
    queue.putBack(Object.assign(first, { notBeforeMs: 20 }), 0);
    queue.putBack(Object.assign(second, { notBeforeMs: 10 }), 0);
    expect(queue.nextDelayedMs).toBe(10);
    queue.wakeDelayed(9);
    expect(queue.ready).toBe(0);
    queue.wakeDelayed(10);
    expect(sequences(takeAll(queue))).toEqual([2]);
    expect(queue.nextDelayedMs).toBe(20);
    queue.wakeDelayed(20);
    expect([sequences(takeAll(queue)), queue.nextDelayedMs]).toEqual([[1], Infinity]);
  });

  it("gives out one event of a key at a time, the next once the one before is released", () => {
    const queue = new WorkQueue(true);
    for (const sequence of [1, 2, 3]) queue.add(event(sequence, "k"));
    const [first] = takeAll(queue);
    if (first === undefined) throw new Error("no work");
    queue.settle(first);
    expect([takeAll(queue), queue.size, queue.held]).toEqual([[], 2, 3]);
    queue.release(first, 0);
    expect([sequences(takeAll(queue)), queue.held]).toEqual([[2], 2]);
  });

  it("weighs what it holds, and nothing once that is released or cleared", () => {
    const queue = new WorkQueue(true);
    for (const sequence of [1, 2]) queue.add(event(sequence, "k"));
    const full = queue.bytes;
    const [first] = takeAll(queue);
    if (first === undefined) throw new Error("no work");
    queue.settle(first);
    expect(queue.bytes).toBe(full);
    queue.release(first, 0);
    expect(queue.bytes).toBeLessThan(full);
    queue.clear();
    expect([queue.bytes, queue.size, queue.held, queue.ready, queue.unread]).toEqual([0, 0, 0, 0, 0]);
  });

  it("does not know what was taken before it was cleared", () => {
    const queue = new WorkQueue(true);
    for (const sequence of [1, 2]) queue.add(event(sequence, "k"));
    const [settled] = takeAll(queue);
    if (settled === undefined) throw new Error("no work");
    queue.settle(settled);
    queue.clear();
    for (const sequence of [1, 2]) queue.add(event(sequence, "k"));
    expect(sequences(takeAll(queue))).toEqual([1]);
    queue.release(settled, 0);
    queue.settle(settled);
    queue.putBack(settled, 0);
    expect([takeAll(queue), queue.size]).toEqual([[], 2]);
    expect(queue.bytes).toBeGreaterThan(0);
  });
});
