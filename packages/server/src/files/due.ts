import type { Mutation, RecordStore } from "../ports/record-store.js";

/** When something has to be looked at: the upkeep's list of work, in order of time. */
const DUE = "due";

/** What the upkeep looks at. A `name` is the memory of the generations of a name without files. */
export type DueKind = "upload" | "file" | "name";

/** An entry of the list. */
export interface DueEntry {
  readonly kind: DueKind;
  readonly id: string;
  readonly mutationDone: Mutation;
}

/** Has the upkeep look at something at `atMs`. It is free to find that the time has moved. */
export function addDue(atMs: number, kind: DueKind, id: string): Mutation {
  return { collection: DUE, key: `${timeKey(atMs)}/${kind}/${id}`, value: "" };
}

/** The oldest entries whose time has come, at most `limit`. */
export async function listDue(records: RecordStore, nowMs: number, limit: number): Promise<readonly DueEntry[]> {
  const found = await records.scan(DUE, { limit });
  const end = timeKey(nowMs + 1);
  return found.filter(({ key }) => key < end).map(({ key }) => toEntry(key));
}

function toEntry(key: string): DueEntry {
  const [time = "", kind = ""] = key.split("/", 2);
  return {
    kind: kind as DueKind,
    id: key.slice(time.length + kind.length + 2),
    mutationDone: { collection: DUE, key, value: undefined },
  };
}

/** Sorts as the time does, for the next 31,000 years. */
function timeKey(ms: number): string {
  return String(ms).padStart(15, "0");
}
