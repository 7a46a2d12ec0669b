/** An event, as far as journals compare it. */
export interface JournalEvent {
  readonly sequence: number;
  readonly stream: string;
  readonly revision: number;
  readonly id: string;
  readonly type: string;
  readonly payload: string;
}

/** What a publisher was told about one of its events. */
export interface Acknowledgement extends JournalEvent {
  /** A publisher sends its next event when the one before is acknowledged. */
  readonly publisher: string;
  readonly acknowledgedAtMs: number;
}

/** What a watcher was handed: an event, or the word that nothing is missing up to a sequence. */
export type WatchRecord =
  | { readonly kind: "event"; readonly event: JournalEvent; readonly resumeToken: string }
  | { readonly kind: "bookmark"; readonly sequence: number; readonly resumeToken: string };

/** From the opening of a watch to its end. What happens to its connections meanwhile is the SDK's affair. */
export interface WatchSession {
  /** `beginning` and `token` start exactly behind `after`; a `live` one may start earlier, but owes only what is behind it. */
  readonly start: "beginning" | "token" | "live";
  readonly after: number;
  /** What a `token` session was opened with. */
  readonly resumeToken?: string;
  readonly records: readonly WatchRecord[];
}

/** One watcher: its first session, and those with which it went on from a token that it had kept. */
export interface WatchJournal {
  readonly name: string;
  /** Whether the watcher asked for such events, said in the test's own words. */
  readonly wants: (event: JournalEvent) => boolean;
  readonly sessions: readonly WatchSession[];
}

/** What everybody saw in one run. */
export interface EventJournal {
  /** In the order in which they came. */
  readonly acknowledged: readonly Acknowledgement[];
  /** All that the log holds at the end, in its order. */
  readonly stored: readonly JournalEvent[];
  readonly watches: readonly WatchJournal[];
}

/** Looks for what a journal must not hold. Each violation is a sentence. */
export type Validator = (journal: EventJournal) => Iterable<string>;

/** Events of the log that a watcher wants, in its order. */
export function wantedOf({ stored }: EventJournal, { wants }: WatchJournal): readonly JournalEvent[] {
  return stored.filter(wants);
}

/** Where the events after a sequence begin. */
export function indexAfter(events: readonly JournalEvent[], sequence: number): number {
  let [low, high] = [0, events.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((events[middle]?.sequence ?? 0) > sequence) high = middle;
    else low = middle + 1;
  }
  return low;
}

export function eventsOf({ records }: WatchSession): JournalEvent[] {
  return records.flatMap((record) => (record.kind === "event" ? [record.event] : []));
}

/** Everything that a watcher was handed, over all its sessions. */
export function handedTo({ sessions }: WatchJournal): JournalEvent[] {
  return sessions.flatMap(eventsOf);
}

export function sequenceOf(record: WatchRecord): number {
  return record.kind === "event" ? record.event.sequence : record.sequence;
}

/** How violations name an event. */
export function nameOf({ sequence, stream, revision, id }: JournalEvent): string {
  return `event ${String(sequence)} (${stream} ${String(revision)}, ${id})`;
}
