import type { EventDraft, EventLog, LogEvent, ReadOptions } from "./event-log.js";

/** Limits that no test meets unless it wants to. */
export const ALL: ReadOptions = { after: 0, maxEvents: 100_000, maxBytes: 1e9 };

/** An event to append, with an id and what else matters. */
export function draft(
  id: string,
  fields: Partial<Omit<EventDraft, "payload">> & { readonly payload?: string } = {},
): EventDraft {
  const { payload = `payload of ${id}`, ...rest } = fields;
  const head = new TextEncoder().encode(`head of ${id}`);
  return { id, type: "thing", key: "", tombstone: false, head, payload: new TextEncoder().encode(payload), ...rest };
}

/** Reads from `after` on until nothing is left, as often as it takes; each result as it came. */
export async function readRuns(
  log: EventLog,
  options: Partial<ReadOptions> = {},
): Promise<readonly (readonly LogEvent[])[]> {
  const runs: (readonly LogEvent[])[] = [];
  const { backwards = false } = options;
  for (let from: Partial<ReadOptions> = {}; ;) {
    const { events, scannedTo, exhausted } = await log.read({ ...ALL, ...options, ...from });
    runs.push(events);
    if (exhausted) return runs;
    from = backwards ? { until: scannedTo - 1 } : { after: scannedTo };
  }
}

/** All events that a reader gets in that way. */
export async function readAll(log: EventLog, options: Partial<ReadOptions> = {}): Promise<readonly LogEvent[]> {
  return (await readRuns(log, options)).flat();
}

/** Their ids, in order. */
export function idsOf(events: readonly LogEvent[]): readonly string[] {
  return events.map(({ id }) => id);
}
