import type { Event, Timestamp } from "@millrace/shared-types";

import { jsonPayload } from "./json-payload.js";
import { FAILED, type Outcome } from "./values.js";

/** What filters see of an event. */
export class EventView {
  readonly event: Event;
  #payload: { readonly value: Outcome } | undefined;

  constructor(event: Event) {
    this.event = event;
  }

  /** The payload, if it is JSON; parsed once. */
  get payload(): Outcome {
    this.#payload ??= { value: jsonPayload(this.event) };
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

type ReadField = (event: Event) => Outcome;

/** The fields of `event` in a filter, by name. */
export const EVENT_FIELDS: ReadonlyMap<string, ReadField> = new Map<string, ReadField>([
  ["id", ({ id }) => id],
  ["type", ({ type }) => type],
  ["stream", ({ stream }) => stream],
  ["key", ({ key }) => key],
  ["source", ({ source }) => source],
  ["content_type", ({ contentType }) => contentType],
  ["tombstone", ({ tombstone }) => tombstone],
  ["sequence", ({ sequence }) => BigInt(sequence)],
  ["stream_revision", ({ streamRevision }) => BigInt(streamRevision)],
  ["timestamp", ({ timestamp }) => momentOf(timestamp)],
  ["publish_time", ({ publishTime }) => momentOf(publishTime)],
  ["attributes", ({ attributes }) => attributes],
  ["payload", ({ payload }) => payload],
]);

function momentOf(timestamp: Timestamp | undefined): Outcome {
  if (timestamp === undefined) return FAILED;
  const { seconds, nanos } = timestamp;
  return { $typeName: "google.protobuf.Timestamp", seconds: BigInt(seconds), nanos };
}
