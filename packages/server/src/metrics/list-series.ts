import {
  encodeMessage,
  type ListSeriesRequest,
  type ListSeriesResponse,
  type MetricKind,
  Series,
  timestampOfMs,
} from "@millrace/shared-types";

import type { StoredSeries } from "../ports/metric-store.js";
import { MAX_PAGE_BYTES } from "../records/load-page.js";
import { pageLimit } from "../records/page-tokens.js";
import type { CallContext } from "../rpc/call-context.js";

import type { MetricsDeps } from "./metrics-deps.js";
import { labelsOf, seriesFilterOf } from "./series-filter.js";

/** Series that are looked at at a time. */
const SCAN_SERIES = 1000;

/** Lists series in the order in which they began. */
export async function listSeries(
  { namePrefix, filter, pageSize, pageToken }: ListSeriesRequest,
  { signal }: CallContext,
  { store, pageTokens, limits }: MetricsDeps,
): Promise<ListSeriesResponse> {
  const shape = JSON.stringify(["series", namePrefix, filter]);
  const page = new SeriesPageDraft(pageLimit(pageSize));
  const matches = seriesFilterOf(filter, limits.maxFilterChars);
  let exhausted = false;
  for (let afterId = Number(pageTokens.positionOf(pageToken, shape) ?? 0); !page.isFull && !exhausted;) {
    signal.throwIfAborted();
    const found = await store.series({ namePrefix, afterId, maxSeries: SCAN_SERIES });
    const wanted = found.series.filter(matches);
    const lastTimes = await store.lastTimes(wanted.map(({ id }) => id));
    for (const [index, series] of wanted.entries()) page.add(series, lastTimes[index]);
    exhausted = found.exhausted;
    afterId = found.series.at(-1)?.id ?? afterId;
  }
  return { series: page.series, nextPageToken: pageTokens.tokenFor(page.nextAfter, shape) };
}

/** Series of a page, no larger than a message can be. */
class SeriesPageDraft {
  readonly series: Series[] = [];
  readonly #limit: number;
  #bytes = 0;
  #lastId = 0;
  #isOver = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** There is at least one more than has room. */
  get isFull(): boolean {
    return this.#isOver;
  }

  get nextAfter(): string | undefined {
    return this.#isOver ? String(this.#lastId) : undefined;
  }

  add(stored: StoredSeries, lastMs: number | undefined): void {
    if (this.#isOver) return;
    const series = toSeries(stored, lastMs);
    this.#bytes += encodeMessage(Series, series).length;
    const fits = this.series.length < this.#limit && this.#bytes <= MAX_PAGE_BYTES;
    this.#isOver = !fits && this.series.length > 0;
    if (this.#isOver) return;
    this.series.push(series);
    this.#lastId = stored.id;
  }
}

function toSeries(stored: StoredSeries, lastMs: number | undefined): Series {
  const { name, unit } = stored;
  return {
    name,
    labels: labelsOf(stored),
    kind: stored.kind as MetricKind,
    unit,
    lastTime: lastMs === undefined ? undefined : timestampOfMs(lastMs),
  };
}
