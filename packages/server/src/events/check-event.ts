import {
  type Event,
  type FieldViolation,
  MAX_CONTENT_TYPE_BYTES,
  MAX_EVENT_ATTRIBUTE_BYTES,
  MAX_EVENT_ATTRIBUTES,
  MAX_EVENT_NAME_BYTES,
  MAX_PUBLISH_BYTES,
  MAX_PUBLISH_EVENTS,
  msOfTimestamp,
  ServiceError,
} from "@millrace/shared-types";

import type { EventDraft } from "../ports/event-log.js";

import { checkBytes, checkLimit } from "./check-limit.js";
import { draftOf } from "./event-message.js";
import { newEventId } from "./new-event-id.js";

/**
 * The events of a publication in the form in which they are stored; those without an id get one. What only the
 * server says of an event (its place, time of storage, token) is not looked at.
 *
 * @throws ServiceError `INVALID_FIELD` with all fields that are wrong, or `LIMIT_EXCEEDED`
 */
export function draftsOf(
  events: readonly Event[],
  { maxEventBytes, nowMs }: { readonly maxEventBytes: number; readonly nowMs: number },
): readonly EventDraft[] {
  checkLimit("events", "max_publish_events", MAX_PUBLISH_EVENTS, events.length);
  const violations = [...violationsOf(events)];
  if (violations[0] !== undefined) throw invalidFields(violations[0], violations);
  const drafts = events.map((event, index) => {
    checkTexts(event, `events[${String(index)}]`);
    const draft = draftOf(event.id === "" ? { ...event, id: newEventId(nowMs) } : event);
    checkLimit(`events[${String(index)}]`, "max_event_bytes", maxEventBytes, bytesOf(draft));
    return draft;
  });
  const bytes = drafts.reduce((sum, draft) => sum + bytesOf(draft), 0);
  checkLimit("events", "max_publish_bytes", MAX_PUBLISH_BYTES, bytes);
  return drafts;
}

function* violationsOf(events: readonly Event[]): Iterable<FieldViolation> {
  if (events.length === 0) yield { field: "events", description: "must not be empty" };
  const ids = new Map<string, number>();
  for (const [index, event] of events.entries()) {
    yield* violationsOfEvent(event, `events[${String(index)}]`);
    const other = ids.get(event.id);
    if (other !== undefined && event.id !== "") {
      yield { field: `events[${String(index)}].id`, description: `is also the id of events[${String(other)}]` };
    }
    ids.set(event.id, index);
  }
}

function* violationsOfEvent(
  { type, timestamp, tombstone, key, attributes }: Event,
  path: string,
): Iterable<FieldViolation> {
  if (type === "") yield { field: `${path}.type`, description: "must be set" };
  if (/[\p{Cc}\p{Cs}*]/u.test(type)) {
    yield { field: `${path}.type`, description: 'must not contain control characters or "*"' };
  }
  if (tombstone && key === "") yield { field: `${path}.key`, description: "must be set: a tombstone removes a key" };
  if (attributes.has("")) yield { field: `${path}.attributes`, description: "must not have an empty key" };
  try {
    if (timestamp !== undefined) msOfTimestamp(timestamp);
  } catch (error) {
    yield { field: `${path}.timestamp`, description: (error as RangeError).message };
  }
}

function checkTexts({ id, type, key, source, contentType, attributes }: Event, path: string): void {
  for (const [field, text] of Object.entries({ id, type, key, source })) {
    checkBytes(`${path}.${field}`, "max_event_name_bytes", MAX_EVENT_NAME_BYTES, text);
  }
  checkBytes(`${path}.content_type`, "max_content_type_bytes", MAX_CONTENT_TYPE_BYTES, contentType);
  const field = `${path}.attributes`;
  checkLimit(field, "max_event_attributes", MAX_EVENT_ATTRIBUTES, attributes.size);
  let bytes = 0;
  for (const [name, value] of attributes) {
    checkBytes(field, "max_event_name_bytes", MAX_EVENT_NAME_BYTES, name);
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value);
  }
  checkLimit(field, "max_event_attribute_bytes", MAX_EVENT_ATTRIBUTE_BYTES, bytes);
}

function bytesOf({ id, type, key, head, payload }: EventDraft): number {
  return Buffer.byteLength(id) + Buffer.byteLength(type) + Buffer.byteLength(key) + head.length + payload.length;
}

function invalidFields(first: FieldViolation, fieldViolations: readonly FieldViolation[]): ServiceError {
  return new ServiceError("INVALID_FIELD", `${first.field}: ${first.description}`, { fieldViolations });
}
