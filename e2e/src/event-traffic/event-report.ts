import { handedTo } from "../event-journal/event-journal.js";
import { validateJournal, type Verdicts } from "../event-journal/validate-journal.js";
import type { TrafficReport } from "./event-traffic.js";

/** What a run comes to, in figures. */
export interface EventReport {
  readonly acknowledged: number;
  readonly stored: number;
  /** Publications whose first acknowledgement was lost. */
  readonly duplicateAcknowledgements: number;
  /** Events handed to watchers, over all of them. */
  readonly delivered: number;
  readonly bookmarks: number;
  /** What the validators of that found. */
  readonly lost: number;
  readonly duplicates: number;
  readonly reorderings: number;
  /** Sessions of all watchers, and streams that were opened for them. */
  readonly sessions: number;
  readonly watchAttempts: number;
  readonly validators: Verdicts;
}

export function eventReport({ journal, duplicateAcknowledgements, watchAttempts }: TrafficReport): EventReport {
  const sessions = journal.watches.flatMap((watch) => watch.sessions);
  const records = sessions.flatMap((session) => session.records);
  const validators = validateJournal(journal);
  return {
    acknowledged: journal.acknowledged.length,
    stored: journal.stored.length,
    duplicateAcknowledgements,
    delivered: journal.watches.reduce((sum, watch) => sum + handedTo(watch).length, 0),
    bookmarks: records.filter(({ kind }) => kind === "bookmark").length,
    lost: validators.reliable.violations,
    duplicates: validators.unique.violations,
    reorderings: validators.ordered.violations,
    sessions: sessions.length,
    watchAttempts,
    validators,
  };
}

/** Whether something happened and nothing was violated. */
export function holds(report: EventReport): boolean {
  return report.acknowledged > 0 && report.delivered > 0 && violationsIn(report).length === 0;
}

/** What the validators say, the first few of each. */
export function violationsIn({ validators }: EventReport): string[] {
  return Object.values(validators).flatMap(({ examples }) => examples);
}
