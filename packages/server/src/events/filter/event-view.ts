import { Event, type Timestamp } from "@millrace/shared-types";

import type { FilterSubject, Vocabulary } from "./filter-subject.js";
import { jsonPayload } from "./json-payload.js";
import { FAILED, type Outcome } from "./values.js";

/** What filters see of an event. */
export class EventView implements FilterSubject {
  readonly event: Event;
  #payload: { readonly value: Outcome } | undefined;

  constructor(event: Event) {
    this.event = event;
  }

  get content(): Outcome {
    this.#payload ??= { value: jsonPayload(this.event.contentType, this.event.payload) };
    return this.#payload.value;
  }
}

/** One event's: parsed payloads are several times as large as their bytes. */
let latest: EventView | undefined;

/** The view of `event`: shared by filters that look at the same event one after the other. */
export function viewOf(event: Event): EventView {
  if (latest?.event !== event) latest = new EventView(event);
  return latest;
}

type ReadField = (view: EventView) => Outcome;

/** The fields of `event` in a filter, by name. */
const FIELDS: ReadonlyMap<string, ReadField> = new Map<string, ReadField>([
  ["id", ({ event: { id } }) => id],
  ["type", ({ event: { type } }) => type],
  ["stream", ({ event: { stream } }) => stream],
  ["key", ({ event: { key } }) => key],
  ["source", ({ event: { source } }) => source],
  ["content_type", ({ event: { contentType } }) => contentType],
  ["tombstone", ({ event: { tombstone } }) => tombstone],
  ["sequence", ({ event: { sequence } }) => BigInt(sequence)],
  ["stream_revision", ({ event: { streamRevision } }) => BigInt(streamRevision)],
  ["timestamp", ({ event: { timestamp } }) => momentOf(timestamp)],
  ["publish_time", ({ event: { publishTime } }) => momentOf(publishTime)],
  ["attributes", ({ event: { attributes } }) => attributes],
  ["payload", ({ event: { payload } }) => payload],
]);

/** Filters over `event` and `payload`. */
export const EVENTS: Vocabulary<EventView> = {
  name: "event",
  contentName: "payload",
  fields: FIELDS,
  conditions: new Set(["tombstone"]),
  empty: new EventView(Event.fromPartial({})),
};

/** A moment as a value of CEL. */
export function momentOf(timestamp: Timestamp | undefined): Outcome {
  if (timestamp === undefined) return FAILED;
  const { seconds, nanos } = timestamp;
  return { $typeName: "google.protobuf.Timestamp", seconds: BigInt(seconds), nanos };
}
