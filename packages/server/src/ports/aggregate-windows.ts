/** How samples become windows. Runs in workers too: imports only node: modules and what does so too. */
import type { AggregatePlan, WindowAggregate } from "./metric-store.js";
import { BinBudget } from "./quantile-sketch.js";
import { SampleTally } from "./sample-tally.js";

/** Windows that are worked on at a time, for all series of a group. */
const BLOCK_WINDOWS = 256;

/** Bins of all their sketches: 10 MiB. */
const BLOCK_BINS = 262_144;

/** A sample as it is read. */
export interface SampleRow {
  readonly timeMs: number;
  readonly value: number;
  readonly weight: number;
  /** Of a distribution. */
  readonly sketch?: Uint8Array | undefined;
}

/** Gives samples of a series, from a moment (inclusive) to another (exclusive), in order of time, in pieces. */
export type ReadSamples = (seriesId: number, fromMs: number, toMs: number) => Iterable<readonly SampleRow[]>;

/** One piece of the work: how many samples it read, and the windows that are done with it. */
export interface AggregateStep {
  readonly samples: number;
  readonly windows: readonly WindowAggregate[];
}

/** Aggregates step by step: group by group, in each the windows in order. Holds 256 windows. */
export function* aggregateWindows(plan: AggregatePlan, read: ReadSamples): Generator<AggregateStep, void, undefined> {
  const blockMs = BLOCK_WINDOWS * plan.stepMs;
  for (const [group, seriesIds] of plan.groups.entries()) {
    for (let fromMs = plan.startMs; fromMs < plan.endMs; fromMs += blockMs) {
      const block = new WindowBlock(plan, fromMs);
      for (const seriesId of seriesIds) {
        for (const rows of read(seriesId, fromMs, Math.min(plan.endMs, fromMs + blockMs))) {
          block.add(rows);
          yield { samples: rows.length, windows: [] };
        }
      }
      yield { samples: 0, windows: block.windowsOf(group) };
    }
  }
}

class WindowBlock {
  readonly #plan: AggregatePlan;
  readonly #fromMs: number;
  readonly #bins: BinBudget | undefined;
  readonly #tallies = new Map<number, SampleTally>();

  constructor(plan: AggregatePlan, fromMs: number) {
    this.#plan = plan;
    this.#fromMs = fromMs;
    this.#bins = plan.quantiles.length > 0 ? new BinBudget(BLOCK_BINS) : undefined;
  }

  add(rows: readonly SampleRow[]): void {
    for (const row of rows) this.#tallyAt(row.timeMs).add(row);
  }

  windowsOf(group: number): readonly WindowAggregate[] {
    const { stepMs, quantiles } = this.#plan;
    const ascending = [...this.#tallies].sort(([a], [b]) => a - b);
    return ascending.map(([window, tally]) => {
      return { group, startMs: this.#fromMs + window * stepMs, aggregate: tally.aggregate(quantiles) };
    });
  }

  #tallyAt(timeMs: number): SampleTally {
    const window = Math.floor((timeMs - this.#fromMs) / this.#plan.stepMs);
    const known = this.#tallies.get(window);
    if (known !== undefined) return known;
    const tally = new SampleTally(this.#bins);
    this.#tallies.set(window, tally);
    return tally;
  }
}
