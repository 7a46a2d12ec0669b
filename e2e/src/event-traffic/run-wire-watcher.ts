import { setTimeout as sleep } from "node:timers/promises";

import { StreamingError, type StreamingClient } from "@millrace/client-sdk";
import {
  type Event,
  type PartialMessage,
  StartPosition,
  type StreamControl,
  type WatchRequest,
} from "@millrace/shared-types";

import type { WatchJournal, WatchRecord } from "../event-journal/event-journal.js";
import { orderIn } from "./draft-event.js";
import type { RunningWatcher } from "./run-watcher.js";
import { sessionAfter, WatchLog } from "./watch-log.js";

const RECONNECT_MS = 100;

/** What a watcher of the wire asks for. */
export type WirePlan = Pick<WatchJournal, "name" | "wants"> & { readonly filter: string };

/** One of everything, and one that hears so little that it lives on heartbeats. */
export const WIRE_PLANS: readonly WirePlan[] = [
  { name: "wire, all", filter: "", wants: () => true },
  { name: "wire, few", filter: "payload.total == 777", wants: (event) => orderIn(event).total === 777 },
];

/**
 * Starts a watcher of WatchEvents as it is on the wire: it resumes by itself from the newest token it has seen,
 * be it of an event, a heartbeat or another control, and makes each of its streams a session.
 */
export function runWireWatcher(client: StreamingClient, { name, filter, wants }: WirePlan): RunningWatcher {
  const log = new WatchLog();
  const stopping = new AbortController();
  let attempts = 0;
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      attempts++;
      const session = sessionAfter(log.last);
      const record = log.open(session);
      await watchOnce(client, requestAfter(session.resumeToken, filter), record, stopping.signal);
      await sleep(RECONNECT_MS);
    }
  };
  const ended = run();
  ended.catch(() => {}); // told by `stop`
  return {
    journal: { name, wants, sessions: log.sessions },
    get attempts() {
      return attempts;
    },
    reached: (sequence) => log.reached(sequence),
    async stop() {
      stopping.abort();
      await ended;
    },
  };
}

function requestAfter(resumeToken: string | undefined, filter: string): PartialMessage<WatchRequest> {
  const start =
    resumeToken === undefined
      ? { $case: "startPosition" as const, value: StartPosition.BEGINNING }
      : { $case: "resumeToken" as const, value: resumeToken };
  return { filter, start, controls: true, heartbeatInterval: { seconds: 1, nanos: 0 } };
}

/** One stream, until it breaks in a way that a new one can mend. */
async function watchOnce(
  client: StreamingClient,
  request: PartialMessage<WatchRequest>,
  record: (record: WatchRecord) => void,
  signal: AbortSignal,
): Promise<void> {
  try {
    const events = client.raw.streamingService.watchEvents(request, { idleTimeoutMs: 2500, signal });
    for await (const event of events) {
      const entry = event.control === undefined ? eventRecord(event) : bookmarkOf(event.control);
      if (entry !== undefined) record(entry);
    }
  } catch (error) {
    if (!StreamingError.is(error) || !(error.retryable || signal.aborted)) throw error;
  }
}

function eventRecord(event: Event): WatchRecord {
  const { sequence, stream, streamRevision, id, type, resumeToken } = event;
  const payload = Buffer.from(event.payload).toString();
  return { kind: "event", event: { sequence, stream, revision: streamRevision, id, type, payload }, resumeToken };
}

function bookmarkOf({ kind }: StreamControl): WatchRecord | undefined {
  if (kind?.$case !== "heartbeat" && kind?.$case !== "caughtUp") return undefined;
  const { sequence, resumeToken } = kind.value;
  return { kind: "bookmark", sequence, resumeToken };
}
