import { compileFilter } from "./compile-filter.js";
import { type CorpusEvent, CORPUS_EVENTS, FILTER_CORPUS } from "./filter-corpus.test.support.js";

/** Evaluations of a filter of the corpus, each on an event that was not looked at before. */
export interface FilterTiming {
  readonly filter: string;
  readonly event: CorpusEvent;
  /** Results that differ. */
  readonly verdicts: readonly boolean[];
  /** Times, parsing the payload included, in milliseconds. */
  readonly medianMs: number;
  readonly maxMs: number;
}

const RUNS = 15;

/** Evaluates all filters of the corpus that are not refused; the slowest first. */
export function timeFilters(): readonly FilterTiming[] {
  return FILTER_CORPUS.filter(({ verdict }) => typeof verdict === "boolean")
    .map(({ filter, event = "order" }) => timeFilter(filter, event))
    .sort((a, b) => b.medianMs - a.medianMs);
}

function timeFilter(text: string, event: CorpusEvent): FilterTiming {
  const filter = compileFilter(text);
  const verdicts = new Set<boolean>();
  const times = Array.from({ length: RUNS }, () => {
    const fresh = { ...CORPUS_EVENTS[event] };
    const startedMs = performance.now();
    verdicts.add(filter.matches(fresh));
    return performance.now() - startedMs;
  }).sort((a, b) => a - b);
  return { filter: text, event, verdicts: [...verdicts], medianMs: times[RUNS >> 1] ?? 0, maxMs: times.at(-1) ?? 0 };
}

/** `node packages/server/dist/events/filter/filter-timing.test.support.js` prints the slowest, one JSON line each. */
if (import.meta.main) {
  for (const timing of timeFilters().slice(0, 20)) {
    console.log(JSON.stringify({ ...timing, filter: timing.filter.slice(0, 80) }));
  }
}
