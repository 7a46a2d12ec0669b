import {
  type HybridTime,
  type SyncChange,
  SyncOutcome,
  type SyncPushResult,
  type SyncRequest,
  type SyncResponse,
} from "@millrace/shared-types";

/** A change that reached the server, and what became of it. */
export interface JournalEntry {
  readonly replicaId: string;
  readonly change: SyncChange;
  /** `undefined`: the answer was lost. */
  readonly outcome: SyncOutcome | undefined;
}

/** Everything that replicas pushed and the server answered. */
export class Journal {
  readonly #entries = new Map<string, JournalEntry>();

  get entries(): readonly JournalEntry[] {
    return [...this.#entries.values()];
  }

  /** The newest change of a document that a replica was told is refused. */
  refusedOf(replicaId: string, docId: string): SyncChange | undefined {
    const refused = this.entries.filter(
      (entry) => entry.replicaId === replicaId && entry.change.docId === docId && isRefused(entry.outcome),
    );
    return refused.toSorted((a, b) => a.change.replicaSequence - b.change.replicaSequence).at(-1)?.change;
  }

  /** Of one document, those that were not refused. */
  acceptedOf(docId: string): readonly JournalEntry[] {
    return this.entries.filter(({ change, outcome }) => change.docId === docId && !isRefused(outcome));
  }

  /** Lets the messages of a replica's stream through and takes notes. */
  async *follow(
    requests: AsyncIterable<SyncRequest>,
    serve: (requests: AsyncIterable<SyncRequest>) => AsyncIterable<SyncResponse>,
  ): AsyncGenerator<SyncResponse, void, undefined> {
    const session = { replicaId: "" };
    for await (const response of serve(this.#heard(requests, session))) {
      if (response.kind?.$case === "pushResult") this.#answered(session.replicaId, response.kind.value);
      yield response;
    }
  }

  async *#heard(requests: AsyncIterable<SyncRequest>, session: { replicaId: string }): AsyncGenerator<SyncRequest> {
    for await (const request of requests) {
      if (request.kind?.$case === "hello") session.replicaId = request.kind.value.replicaId;
      if (request.kind?.$case === "push") {
        for (const change of request.kind.value.changes) this.#pushed(session.replicaId, change);
      }
      yield request;
    }
  }

  #pushed(replicaId: string, change: SyncChange): void {
    const key = keyOf(replicaId, change.replicaSequence);
    this.#entries.set(key, { replicaId, change, outcome: this.#entries.get(key)?.outcome });
  }

  #answered(replicaId: string, { results }: SyncPushResult): void {
    for (const { replicaSequence, outcome, status } of results) {
      const key = keyOf(replicaId, replicaSequence);
      const entry = this.#entries.get(key);
      // Of a change that comes again only a refusal is told again.
      const isAgain = outcome === SyncOutcome.DUPLICATE;
      if (entry === undefined || (isAgain && status === undefined)) continue;
      this.#entries.set(key, { ...entry, outcome: isAgain ? SyncOutcome.CONFLICT : outcome });
    }
  }
}

export function timeOf({ change }: JournalEntry): HybridTime {
  if (change.time === undefined) throw new Error("a change has no time");
  return change.time;
}

function isRefused(outcome: SyncOutcome | undefined): boolean {
  return outcome === SyncOutcome.CONFLICT || outcome === SyncOutcome.REJECTED;
}

function keyOf(replicaId: string, sequence: number): string {
  return `${replicaId}/${String(sequence)}`;
}
