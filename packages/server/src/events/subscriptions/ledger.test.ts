import { describe, expect, it } from "@jest/globals";

import { MemoryRecordStore } from "../../adapters/memory/memory-record-store.js";
import { getJson, putJson } from "../../records/json-records.js";
import { ManualClock } from "../../testing/manual-clock.js";

import { Ledger } from "./ledger.js";
import { configOf } from "./subscription-config.js";
import { STATES } from "./subscription-record.js";
import type { StoredState, SubscriptionState } from "./subscription-state.js";
import { fromStored, initialState, toStored } from "./subscription-state.js";
import { subscriptionOf } from "./subscriptions-fixture.test.support.js";
import { WorkQueue } from "./work-queue.js";

const ID = "id";

interface Opened {
  readonly ledger: Ledger;
  readonly queue: WorkQueue;
}

async function openLedger(records: MemoryRecordStore, clock: ManualClock = new ManualClock(0)): Promise<Opened> {
  const queue = new WorkQueue(false);
  const stored = await getJson<StoredState>(records, STATES, ID);
  if (stored === undefined) throw new Error("no state");
  const subscription = { id: ID, config: configOf(subscriptionOf()), epoch: "e" };
  return { ledger: new Ledger({ records, clock }, subscription, stored, queue), queue };
}

async function newRecords(position = 0): Promise<MemoryRecordStore> {
  const records = new MemoryRecordStore();
  await records.commit([putJson(STATES, ID, toStored(initialState(position, 0)))]);
  return records;
}

async function stateIn(records: MemoryRecordStore): Promise<SubscriptionState> {
  const stored = await getJson<StoredState>(records, STATES, ID);
  if (stored === undefined) throw new Error("no state");
  return fromStored(stored.value);
}

describe("a ledger", () => {
  it("writes only what it takes to go on: the end of what was read is left out", async () => {
    const records = await newRecords();
    const { ledger, queue } = await openLedger(records);
    for (const sequence of [1, 4, 5, 9]) queue.addUnread(sequence);
    ledger.scannedTo = 20;
    await ledger.write();
    expect(await stateIn(records)).toMatchObject({ position: 0, pending: [] });
    const done = [...queue.unfinished()].find(({ sequence }) => sequence === 5);
    if (done === undefined) throw new Error("no work");
    queue.drop(done);
    ledger.touch(done);
    await ledger.write();
    expect(await stateIn(records)).toMatchObject({ position: 8, pending: [{ sequence: 1 }, { sequence: 4 }] });
    expect(ledger.acknowledged).toBe(0);
  });

  it("is at the end of what was read when nothing is unfinished", async () => {
    const records = await newRecords();
    const { ledger } = await openLedger(records);
    ledger.scannedTo = 20;
    await ledger.write();
    expect(ledger.acknowledged).toBe(20);
    expect((await openLedger(records)).ledger.scannedTo).toBe(20);
  });

  it("puts nothing back for a reader that has stopped meanwhile", async () => {
    const records = await newRecords(1);
    const { ledger, queue } = await openLedger(records);
    ledger.park({ sequence: 1, event: undefined, attempts: 1, notBeforeMs: 0 }, "");
    await ledger.write();
    expect(ledger.askBack(5)).toBe(1);
    await ledger.replaySome(() => false);
    expect([queue.size, ledger.owesReplays]).toEqual([0, true]);
    await ledger.replaySome(() => true);
    expect([queue.size, ledger.owesReplays]).toEqual([1, false]);
  });

  it("puts back only what is parked durably", async () => {
    const records = await newRecords(1);
    const { ledger } = await openLedger(records);
    ledger.park({ sequence: 1, event: undefined, attempts: 1, notBeforeMs: 0 }, "");
    ledger.askBack(1);
    expect(ledger.owesReplays).toBe(false);
    await ledger.write();
    expect(ledger.owesReplays).toBe(true);
  });

  it("leaves what lies ahead after a seek back to the log", async () => {
    const records = await newRecords(7);
    const { ledger, queue } = await openLedger(records);
    for (const sequence of [2, 7]) ledger.park({ sequence, event: undefined, attempts: 1, notBeforeMs: 0 }, "");
    await ledger.write();
    ledger.seek(4);
    ledger.askBack(2);
    await ledger.replaySome(() => true);
    expect([...queue.unfinished()].map(({ sequence }) => sequence)).toEqual([2]);
    await ledger.write();
    expect(await stateIn(records)).toMatchObject({ position: 4, pending: [{ sequence: 2 }] });
  });

  it("waits no longer than the longest delay, whatever has become of the wall clock", async () => {
    const records = await newRecords();
    const farAhead = { sequence: 1, attempts: 1, notBeforeMs: Date.UTC(2026, 0, 1) };
    await records.commit([putJson(STATES, ID, toStored({ ...initialState(1, 0), pending: [farAhead] }))]);
    const { queue } = await openLedger(records, new ManualClock(5000));
    expect([...queue.unfinished()]).toMatchObject([{ sequence: 1, notBeforeMs: 5000 + 86_400_000 }]);
  });

  it("refuses to write over what somebody else has written", async () => {
    const records = await newRecords();
    const [first, second] = [await openLedger(records), await openLedger(records)];
    await first.ledger.write();
    await expect(second.ledger.write()).rejects.toMatchObject({ reason: "BACKEND_UNAVAILABLE" });
    await records.commit([{ collection: STATES, key: ID, value: undefined }]);
    await expect(first.ledger.write()).rejects.toMatchObject({ reason: "RESOURCE_NOT_FOUND" });
  });
});
