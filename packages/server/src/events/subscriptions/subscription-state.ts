/** How far a subscription is. Only what is in here survives. */
export interface SubscriptionState {
  /** Every event of the subscription up to this sequence is done or parked, but for those in `pending`. */
  readonly position: number;
  readonly pending: readonly PendingEvent[];
  readonly parked: ParkedNumbers;
  /** Since when it has had no consumer, in milliseconds since 1970. */
  readonly idleSinceMs: number;
}

/** An event that is not done, though a later one may be, or that was tried in vain. */
export interface PendingEvent {
  readonly sequence: number;
  /** Attempts that ended without an acknowledgement. */
  readonly attempts: number;
  /** The next attempt is not before this moment, in milliseconds since 1970; 0: at once. */
  readonly notBeforeMs: number;
}

/** Which of the numbered parked events are where. Those up to `replayed` have left. */
export interface ParkedNumbers {
  /** The newest. */
  readonly last: number;
  /** Those up to this one are to go back to the queue. */
  readonly replayTo: number;
  /** Those up to this one are back in the queue. */
  readonly replayed: number;
}

/** Nothing is done, from `position` on. */
export function initialState(position: number, nowMs: number): SubscriptionState {
  return { position, pending: [], parked: { last: 0, replayTo: 0, replayed: 0 }, idleSinceMs: nowMs };
}

/** As it is stored: sequences as differences, and what most events do not have apart, so that 10,000 pending ones take some 20 KB. */
export interface StoredState extends Omit<SubscriptionState, "pending"> {
  readonly pending: readonly number[];
  readonly tried: readonly (readonly [sequence: number, attempts: number, notBeforeMs: number])[];
}

export function toStored({ pending, ...rest }: SubscriptionState): StoredState {
  const sequences = pending.map(({ sequence }) => sequence).sort((a, b) => a - b);
  const tried = pending.filter(({ attempts }) => attempts > 0);
  return {
    ...rest,
    pending: sequences.map((sequence, index) => sequence - (sequences[index - 1] ?? 0)),
    tried: tried.map(({ sequence, attempts, notBeforeMs }) => [sequence, attempts, notBeforeMs] as const),
  };
}

export function fromStored({ pending, tried, ...rest }: StoredState): SubscriptionState {
  const known = new Map(tried.map(([sequence, attempts, notBeforeMs]) => [sequence, { attempts, notBeforeMs }]));
  let sequence = 0;
  const events = pending.map((difference) => {
    sequence += difference;
    return { sequence, ...(known.get(sequence) ?? { attempts: 0, notBeforeMs: 0 }) };
  });
  return { ...rest, pending: events };
}

/** Everything up to this sequence is done or parked. */
export function acknowledgedSequence({ position, pending }: SubscriptionState): number {
  return pending.reduce((least, { sequence }) => Math.min(least, sequence - 1), position);
}
