import type { EventDraft } from "../ports/event-log.js";
import type { Mutation, RecordStore } from "../ports/record-store.js";
import { removeRecord } from "../records/json-records.js";

import type { ChatStores } from "./chat-deps.js";
import { changesAfter, pendingOf } from "./changes.js";
import { readMarksToRemove } from "./read-marks.js";

/** Streams of deleted rooms whose messages are still there. */
const REMOVALS = "roomremovals";

const BATCH = 100;

/** All that is left of a stream: the log never removes a stream's last event. */
const LAST_EVENT: EventDraft = {
  id: "removed",
  type: "chat.removed",
  key: "",
  tombstone: false,
  head: new Uint8Array(0),
  payload: new Uint8Array(0),
};

/** Has the messages of a stream removed. */
export function addRemoval(stream: string): Mutation {
  return { collection: REMOVALS, key: stream, value: "" };
}

/** Streams to remove, at most `limit`. */
export async function listRemovals(records: RecordStore, limit: number): Promise<readonly string[]> {
  return (await records.scan(REMOVALS, { limit })).map(({ key }) => key);
}

/** Removes what is kept of a room that was deleted: its messages, and what is known of them. Safe to repeat. */
export async function completeRemoval({ log, records }: ChatStores, stream: string): Promise<void> {
  const { revision } = await log.append({ stream, events: [LAST_EVENT] });
  await log.truncate(stream, revision);
  await untilEmpty(records, async () =>
    (await changesAfter(records, stream, undefined, BATCH)).map(({ remove }) => remove),
  );
  await untilEmpty(records, () => pendingOf(records, stream, BATCH));
  await untilEmpty(records, () => readMarksToRemove(records, stream, BATCH));
  await records.commit([removeRecord(REMOVALS, stream)]);
}

async function untilEmpty(records: RecordStore, next: () => Promise<readonly Mutation[]>): Promise<void> {
  for (let batch = await next(); batch.length > 0; batch = await next()) await records.commit(batch);
}
