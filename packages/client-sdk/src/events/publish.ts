import { EventServiceDefinition, methodPath, type PublishRequest, type PublishResponse } from "@millrace/shared-types";

import { InternalError } from "../errors.js";
import { answerOf } from "../files/answer-of.js";
import { present } from "../files/file-info.js";
import { checkPublishOptions } from "./check-event-options.js";
import { type EventDraft, toEventDraft } from "./event-message.js";
import type { EventsApi, EventsDeps } from "./events-api.js";
import type { OutgoingEvent, Published, PublishOptions } from "./types.js";
import { withinTimeout } from "./within-timeout.js";

const METHOD = methodPath(EventServiceDefinition, EventServiceDefinition.methods.publish).slice(1);

/** The function behind `client.events.publish`. See {@link EventsApi.publish}. */
export function createPublish(deps: EventsDeps): EventsApi["publish"] {
  function publish(event: OutgoingEvent, options?: PublishOptions): Promise<Published>;
  function publish(events: readonly OutgoingEvent[], options?: PublishOptions): Promise<readonly Published[]>;
  async function publish(
    events: OutgoingEvent | readonly OutgoingEvent[],
    options?: PublishOptions,
  ): Promise<Published | readonly Published[]> {
    if (isMany(events)) return publishAll(deps, events, options);
    const [published] = await publishAll(deps, [events], options);
    return present(published, "events");
  }
  return publish;
}

function isMany(events: OutgoingEvent | readonly OutgoingEvent[]): events is readonly OutgoingEvent[] {
  return Array.isArray(events);
}

async function publishAll(
  deps: EventsDeps,
  events: readonly OutgoingEvent[],
  options: PublishOptions = {},
): Promise<readonly Published[]> {
  checkPublishOptions(options);
  const request = toPublishRequest(
    events.map((event) => toEventDraft(event, options.stream)),
    options.expectedRevision,
  );
  return withinTimeout(deps.clock, METHOD, options, (signal) => untilKnown(deps, request, { ...options, signal }));
}

/** Tries until the server has said yes or no; the request is the same each time, ids included. */
async function untilKnown(
  { rpc, openResumeLoop }: EventsDeps,
  request: PublishRequest,
  { signal, headers, resume: policy }: Omit<PublishOptions, "signal"> & { readonly signal: AbortSignal | undefined },
): Promise<readonly Published[]> {
  const loop = openResumeLoop({ policy, signal });
  const call = { ...(signal && { signal }), ...(headers && { headers }), retry: false } as const;
  for (;;) {
    try {
      const answer = rpc.unary(EventServiceDefinition, EventServiceDefinition.methods.publish, request, call);
      return toPublished(request, await answerOf(answer));
    } catch (error) {
      await loop.waitAfter(error);
    }
  }
}

/**
 * One append.
 *
 * @throws {TypeError} if the events are of several streams, or there is none
 */
export function toPublishRequest(drafts: readonly EventDraft[], expectedRevision?: number): PublishRequest {
  const [first] = drafts;
  if (first === undefined) throw new TypeError("there is no event to publish");
  const { stream } = first;
  const other = drafts.find((draft) => draft.stream !== stream);
  if (other !== undefined) {
    throw new TypeError(`events of the streams "${stream}" and "${other.stream}" cannot be published as one`);
  }
  return { stream, events: drafts.map(({ message }) => message), expectedRevision };
}

/** @throws {InternalError} if the answer is not that of the request */
export function toPublished(request: PublishRequest, answer: PublishResponse): readonly Published[] {
  const { events, resumeToken } = answer;
  if (events.length === request.events.length) return events.map((event) => ({ ...event, resumeToken }));
  const message = `the server answered for ${String(events.length)} events, not ${String(request.events.length)}`;
  throw new InternalError(message, { method: METHOD, origin: "server" });
}
