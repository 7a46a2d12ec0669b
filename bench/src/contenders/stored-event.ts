import type { Event } from "@millrace/shared-types";

/** As long as a real one, so that all servers send as many bytes. */
const RESUME_TOKEN = "A".repeat(140);

/** An event with the fields that a server adds. */
export function storedEvent(event: Event, sequence: number): Event {
  const now = Date.now();
  const publishTime = { seconds: Math.floor(now / 1000), nanos: (now % 1000) * 1_000_000 };
  return {
    ...event,
    stream: "default",
    sequence,
    streamRevision: sequence,
    publishTime,
    timestamp: event.timestamp ?? publishTime,
    resumeToken: RESUME_TOKEN,
  };
}
