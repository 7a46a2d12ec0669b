import type { SyncPolicy } from "@millrace/client-sdk";
import {
  ChangeOperation,
  compareHybridTimes,
  isSameHybridTime,
  SyncOutcome,
  type SyncChange,
} from "@millrace/shared-types";

import { type Journal, type JournalEntry, timeOf } from "./journal.js";

/** What is wrong with the document that the server has in the end; nothing if all is well. */
export type Oracle = (docId: string, current: SyncChange | undefined, journal: Journal) => readonly string[];

/** By policy, what must be true whatever happened on the way. */
export const ORACLES: Readonly<Record<SyncPolicy, Oracle>> = {
  "last-writer-wins": lastWriterWon,
  "field-last-writer-wins": lastWriterWonEachField,
  reject: noUpdateIsLost,
  "keep-siblings": allThatNobodyReplacedIsThere,
  "merge-function": allItemsAreThere,
};

function lastWriterWon(docId: string, current: SyncChange | undefined, journal: Journal): readonly string[] {
  const last = byTime(journal.acceptedOf(docId)).at(-1)?.change;
  const wanted = last?.operation === ChangeOperation.UPSERT ? textOf(last) : undefined;
  return differences(docId, wanted, current && textOf(current));
}

/** A document that was deleted lives again with its first field. */
function lastWriterWonEachField(docId: string, current: SyncChange | undefined, journal: Journal): readonly string[] {
  const accepted = byTime(journal.acceptedOf(docId));
  let fields = new Map<string, unknown>();
  let isDeleted = accepted.length === 0;
  for (const { change } of accepted) {
    const isPatch = change.operation === ChangeOperation.PATCH;
    if (!isPatch) isDeleted = change.operation === ChangeOperation.DELETE;
    fields = patched(isPatch ? fields : new Map(), change.content.byteLength === 0 ? {} : jsonOf(change));
  }
  const wanted = isDeleted && fields.size === 0 ? undefined : canonical(fields);
  const told = current && canonical(new Map(Object.entries(jsonOf(current))));
  return differences(docId, wanted, told);
}

function patched(before: ReadonlyMap<string, unknown>, patch: object): Map<string, unknown> {
  const after = new Map(before);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) after.delete(name);
    else after.set(name, value);
  }
  return after;
}

/** Of two changes of one version, one at most was accepted; the document is the one that nobody changed. */
function noUpdateIsLost(docId: string, current: SyncChange | undefined, journal: Journal): readonly string[] {
  const applied = journal.acceptedOf(docId).filter(({ outcome }) => outcome === SyncOutcome.APPLIED);
  const twice = applied.filter(({ change }) => {
    return change.base !== undefined && applied.some((other) => isOtherOn(other, change));
  });
  const problems = twice.map(({ change }) => `${docId}: ${textOf(change)} and another change were made of one version`);
  if (current === undefined) return problems;
  const isKnown = journal.acceptedOf(docId).some((entry) => isSameHybridTime(timeOf(entry), current.time));
  return isKnown ? problems : [...problems, `${docId}: ${textOf(current)} was never accepted`];
}

function isOtherOn({ change }: JournalEntry, one: SyncChange): boolean {
  return change !== one && isSameHybridTime(change.base, one.base);
}

function allThatNobodyReplacedIsThere(
  docId: string,
  current: SyncChange | undefined,
  journal: Journal,
): readonly string[] {
  const accepted = journal.acceptedOf(docId);
  const puts = accepted.filter(({ change }) => change.operation === ChangeOperation.UPSERT);
  const wanted = puts.filter((put) => !accepted.some(({ change }) => replaces(change, put))).map(textOfEntry);
  const told = current === undefined ? [] : [current, ...current.siblings].map(textOf);
  return differences(docId, wanted.toSorted().join(), told.toSorted().join());
}

function replaces({ base, context }: SyncChange, { replicaId, change }: JournalEntry): boolean {
  return isSameHybridTime(base, change.time) || change.replicaSequence <= (context?.clocks.get(replicaId) ?? -1);
}

/** Documents are sets here, to which replicas only add. */
function allItemsAreThere(docId: string, current: SyncChange | undefined, journal: Journal): readonly string[] {
  const told = new Set(current === undefined ? [] : itemsOf(current));
  const wanted = new Set(journal.acceptedOf(docId).flatMap(({ change }) => itemsOf(change)));
  return [...wanted].filter((item) => !told.has(item)).map((item) => `${docId}: ${item} is lost`);
}

/** No content that was deleted later is there. */
export function nothingIsResurrected(
  docId: string,
  current: SyncChange | undefined,
  journal: Journal,
): readonly string[] {
  if (current === undefined) return [];
  const deletion = byTime(journal.acceptedOf(docId)).findLast(
    ({ change }) => change.operation === ChangeOperation.DELETE,
  );
  const writer = journal.acceptedOf(docId).find(({ change }) => textOf(change) === textOf(current));
  if (deletion === undefined || writer === undefined) return [];
  const isLater = compareHybridTimes(timeOf(writer), timeOf(deletion)) > 0;
  return isLater ? [] : [`${docId}: ${textOf(current)} was deleted after it was written`];
}

function byTime(entries: readonly JournalEntry[]): readonly JournalEntry[] {
  return entries.toSorted((a, b) => compareHybridTimes(timeOf(a), timeOf(b)));
}

function differences(docId: string, wanted: string | undefined, told: string | undefined): readonly string[] {
  return wanted === told ? [] : [`${docId}: is ${String(told)}, not ${String(wanted)}`];
}

function textOfEntry({ change }: JournalEntry): string {
  return textOf(change);
}

function textOf({ content }: Pick<SyncChange, "content">): string {
  return Buffer.from(content).toString();
}

function jsonOf(change: SyncChange): object {
  return JSON.parse(textOf(change)) as object;
}

function itemsOf(change: SyncChange): readonly string[] {
  return change.content.byteLength === 0 ? [] : (jsonOf(change) as { readonly items: readonly string[] }).items;
}

function canonical(fields: ReadonlyMap<string, unknown>): string {
  return JSON.stringify([...fields].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
