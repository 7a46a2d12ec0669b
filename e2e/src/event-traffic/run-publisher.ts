import { setTimeout as sleep } from "node:timers/promises";

import type { Published, Publisher, StreamingClient } from "@millrace/client-sdk";

import type { Acknowledgement } from "../event-journal/event-journal.js";
import { type DraftEvent, draftEvent } from "./draft-event.js";

/** Longest pause between two publications of one publisher, in milliseconds. */
const MAX_PAUSE_MS = 5;

export interface PublisherOptions {
  readonly name: string;
  /** Over one stream, without waiting for one event before the next; otherwise one after the other. */
  readonly pipelined: boolean;
  readonly random: () => number;
  readonly onAcknowledged: (event: Acknowledgement, duplicate: boolean) => void;
}

/** Publishes events with ids of its own until `stopping` aborts. Rejects if the SDK gives up one of them. */
export async function runPublisher(
  client: StreamingClient,
  { name, pipelined, random, onAcknowledged }: PublisherOptions,
  stopping: AbortSignal,
): Promise<void> {
  await using publisher: Publisher | undefined = pipelined ? client.events.publisher() : undefined;
  for (let n = 0; !stopping.aborted; n++) {
    const draft = draftEvent(`${name}-${String(n)}`, random);
    const published = (publisher ?? client.events).publish(draft);
    const told = published.then((result) => onAcknowledged(acknowledgement(name, draft, result), result.duplicate));
    if (pipelined) told.catch(() => {}); // told by `flush`
    else await told;
    await publisher?.ready();
    await sleep(random() * MAX_PAUSE_MS);
  }
  await publisher?.flush();
}

function acknowledgement(publisher: string, draft: DraftEvent, published: Published): Acknowledgement {
  const { id, type, stream, payload } = draft;
  const { sequence, streamRevision: revision } = published;
  return { publisher, acknowledgedAtMs: Date.now(), sequence, stream, revision, id, type, payload };
}
