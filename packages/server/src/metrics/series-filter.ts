import { compilePredicate } from "../events/filter/compile-predicate.js";
import type { FilterSubject, Vocabulary } from "../events/filter/filter-subject.js";
import type { Outcome } from "../events/filter/values.js";
import type { SeriesDraft } from "../ports/metric-store.js";

/** A filter over `labels` and `series`. @throws ServiceError `INVALID_FILTER` */
export function seriesFilterOf(text: string, maxChars: number): (series: SeriesDraft) => boolean {
  if (text === "") return () => true;
  const meets = compilePredicate(text, maxChars, SERIES);
  return (series) => meets(new SeriesView(series));
}

/** The labels of a series by name. */
export function labelsOf({ labels }: Pick<SeriesDraft, "labels">): Map<string, string> {
  return new Map(Object.entries(JSON.parse(labels) as Record<string, string>));
}

/** What filters see of a series. */
class SeriesView implements FilterSubject {
  readonly series: SeriesDraft;

  constructor(series: SeriesDraft) {
    this.series = series;
  }

  get content(): Outcome {
    return labelsOf(this.series);
  }
}

const SERIES: Vocabulary<SeriesView> = {
  name: "series",
  contentName: "labels",
  fields: new Map<string, (view: SeriesView) => Outcome>([
    ["name", ({ series }) => series.name],
    ["unit", ({ series }) => series.unit],
  ]),
  conditions: new Set(),
  empty: new SeriesView({ name: "", labels: "{}", kind: 0, unit: "" }),
};
