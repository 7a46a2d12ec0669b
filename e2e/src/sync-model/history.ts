import type { SyncPolicy } from "@millrace/client-sdk";
import fc from "fast-check";

/** Documents that everybody writes to. */
export const DOCUMENTS = ["a", "b", "c"] as const;

export const POLICIES: readonly SyncPolicy[] = [
  "last-writer-wins",
  "field-last-writer-wins",
  "reject",
  "keep-siblings",
  "merge-function",
];

const HOUR_MS = 3_600_000;

/** How long deletions are remembered in a history that may forget some. */
export const SHORT_RETENTION_MS: number = HOUR_MS;

const anyReplica = fc.nat({ max: 4 });
const anyDocument = fc.constantFrom(...DOCUMENTS);

/** How wrong the clock of a replica is, in milliseconds. */
const anySkew = fc.constantFrom(0, 0, 1, -500, 20_000, 90_000, 2 * HOUR_MS, -2 * HOUR_MS, 48 * HOUR_MS, -48 * HOUR_MS);

const anyStep = fc.oneof(
  { weight: 12, arbitrary: fc.record({ type: fc.constant("put"), replica: anyReplica, id: anyDocument }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant("delete"), replica: anyReplica, id: anyDocument }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("putAll"), replica: anyReplica }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant("goOffline"), replica: anyReplica }) },
  { weight: 5, arbitrary: fc.record({ type: fc.constant("goOnline"), replica: anyReplica }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant("cut"), replica: anyReplica }) },
  { weight: 5, arbitrary: fc.record({ type: fc.constant("sync"), replica: anyReplica }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("reopen"), replica: anyReplica }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("crash"), replica: anyReplica }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("restartServer") }) },
  { weight: 6, arbitrary: fc.record({ type: fc.constant("letRun"), turns: fc.integer({ min: 1, max: 30 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant("pass"), ms: fc.constantFrom(1, 700, 20 * 60_000, 2 * HOUR_MS) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("vacuum") }) },
);
export type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never;

/** What happens to some replicas and their server. */
export interface History {
  readonly policy: SyncPolicy;
  readonly skewsMs: readonly number[];
  readonly steps: readonly Step[];
  /** Deletions are forgotten when they have had their time. */
  readonly forgets: boolean;
}

/** Any history of 3 to 5 replicas. */
export const anyHistory: fc.Arbitrary<History> = fc.record({
  policy: fc.constantFrom(...POLICIES),
  skewsMs: fc.array(anySkew, { minLength: 3, maxLength: 5 }),
  steps: fc.array(anyStep, { minLength: 5, maxLength: 40, size: "max" }),
  forgets: fc.boolean(),
});
