import { Event, invalidField, PublishRequest } from "@millrace/shared-types";

import { draftsOf } from "../../events/check-event.js";
import type { EventsDeps } from "../../events/events-deps.js";
import { appendEvents } from "../../events/publish.js";
import { streamNameOf } from "../../events/stream-name.js";
import { defineProcessor, type Processor, type ProcessorContext } from "../processor.js";

/** Attributes that are fields of the event; the others are its attributes. */
const OWN = ["type", "stream", "key", "source"] as const;

type PublishDeps = Pick<EventsDeps, "log" | "positions" | "clock" | "limits">;

/**
 * `event.publish`: appends the payload as an event. The attributes `type`, `stream` (default: `default`), `key` and
 * `source` are the event's; the others, and the content type, go with it. The id of the event is the item's
 * idempotency key, so that the stream has it once however often the item is run.
 */
export function eventPublish(events: PublishDeps): Processor {
  const processor = defineProcessor({
    description: "Publishes the payload as an event. Attributes: type, stream, key, source; others become the event's.",
    idempotent: true,
    async run(payload, context) {
      const { events: published } = await appendEvents(requestOf(payload, context), events);
      const { id = "", sequence = 0, streamRevision = 0 } = published[0] ?? {};
      return JSON.stringify({ id, sequence, streamRevision });
    },
  });
  return {
    ...processor,
    async validate(payload, context) {
      const request = requestOf(payload, context);
      streamNameOf("attributes.stream", request.stream);
      draftsOf(request.events, { maxEventBytes: events.limits.maxEventBytes, nowMs: events.clock.now() });
    },
  };
}

function requestOf(
  payload: Uint8Array,
  { attributes: all, contentType, idempotencyKey }: ProcessorContext,
): PublishRequest {
  const attributes = new Map(all);
  const [type, stream, key, source] = OWN.map((own) => {
    const value = attributes.get(own) ?? "";
    attributes.delete(own);
    return value;
  }) as [string, string, string, string];
  if (type === "") throw invalidField("attributes.type", "must be set");
  const event = Event.fromPartial({ id: idempotencyKey, type, key, source, contentType, payload });
  return PublishRequest.fromPartial({ stream, events: [{ ...event, attributes }] });
}
