import { setImmediate } from "node:timers/promises";

import {
  durationOfMs,
  type ListRequest,
  ServiceError,
  type StreamControl,
  timestampOfMs,
} from "@millrace/shared-types";

import { isJsonType } from "../events/filter/json-payload.js";
import { type PackedRows, type Row, type RowPage, SnapshotExpired } from "../ports/item-store.js";
import type { CallContext } from "../rpc/call-context.js";

import type { DataDeps } from "./data-deps.js";
import { checkStillThere } from "./dataset-record.js";
import { headOf } from "./item-message.js";
import { cursorOf, type ListPosition, positionOf } from "./list-cursor.js";
import { type ListPlan, listPlanOf } from "./list-plan.js";
import { projectJson } from "./project-json.js";

const NO_BYTES = new Uint8Array(0);

/** How much a listing fetches at a time. */
export interface PageLimits {
  readonly maxRows: number;
  /** One row may be larger. */
  readonly maxBytes: number;
}

/** Rows as they are sent; none: nothing that is wanted was found for a while. */
export interface ListPage {
  readonly count: number;
  /** Made when they are asked for, if the page is `packed`. */
  readonly rows: readonly Row[];
  /** The same rows, if they are sent as they are stored and the store has them so. */
  readonly packed: PackedRows | undefined;
  /** Where a listing goes on after the page. */
  readonly cursor: string;
  /** The same, after one of its rows. */
  cursorAfter(index: number): string;
  /** Fraction of the listing that is done; an estimate. */
  readonly progress: number;
}

/**
 * Begins a listing, or goes on with one at its cursor.
 *
 * @param path of the request's fields, such as `list.`
 * @throws ServiceError as `listPlanOf` does, and `INVALID_CURSOR`
 */
export async function openListing(
  request: ListRequest,
  path: string,
  context: CallContext,
  deps: DataDeps,
): Promise<Listing> {
  const plan = await listPlanOf(request, path, deps);
  const start =
    request.startCursor === ""
      ? { snapshot: plan.isSnapshot ? await deps.items.version() : undefined, scanned: 0, key: undefined }
      : positionOf(request.startCursor, plan, deps);
  const { rows: total } = await deps.items.size(plan.dataset.collection);
  return new Listing({ plan, start, total, context, deps });
}

/** Rows of a page that was scanned. */
interface WantedRows {
  readonly rows: () => readonly Row[];
  readonly packed?: PackedRows;
  readonly count: number;
  /** Whether what comes after the page comes after what is wanted of it, too. */
  readonly isThrough: boolean;
  /** How many rows were scanned up to each of them, with itself; `undefined`: there are no others. */
  readonly scannedAt: readonly number[] | undefined;
  /** After all of them, and what was scanned and is not wanted. */
  readonly position: ListPosition;
}

interface ListingParts {
  readonly plan: ListPlan;
  readonly start: ListPosition;
  readonly total: number;
  readonly context: CallContext;
  readonly deps: DataDeps;
}

/** Goes through the items of a dataset for one client, a page at a time. Holds one page, and the next. */
export class Listing {
  readonly #plan: ListPlan;
  readonly #total: number;
  readonly #signal: AbortSignal;
  readonly #deps: DataDeps;
  #position: ListPosition;
  /** When something was sent last, on the monotonic clock. */
  #sentAt: number;

  constructor({ plan, start, total, context, deps }: ListingParts) {
    this.#plan = plan;
    this.#total = total;
    this.#signal = context.signal;
    this.#deps = deps;
    this.#position = start;
    this.#sentAt = deps.clock.monotonicMs();
    context.resumeFrom(() => this.#cursorAt(this.#position));
    context.sendHeaders({ "millrace-resume-token": this.#cursorAt(start) }); // for who is cut off before the first cursor
  }

  /**
   * The pages; while one is sent, the next is read. Ends after the last item or the limit.
   *
   * @throws ServiceError `SNAPSHOT_EXPIRED`, or `RESOURCE_NOT_FOUND` if the dataset was deleted meanwhile
   */
  async *pages(limits: PageLimits): AsyncGenerator<ListPage, void, undefined> {
    let { limit: left } = this.#plan;
    let reading = this.#read(this.#position, left, limits);
    for (let isOver = false; !isOver;) {
      this.#signal.throwIfAborted();
      const scanned = await reading;
      const wanted = this.#wanted(scanned, left);
      const { count, position } = wanted;
      left -= count;
      const exhausted = scanned.exhausted && wanted.isThrough;
      isOver = exhausted || left === 0;
      if (!isOver) reading = this.#read(position, left, limits);
      if (count > 0 || (!isOver && this.#isHeartbeatDue)) {
        yield this.#pageOf(wanted, this.#position, exhausted);
        this.#sentAt = this.#deps.clock.monotonicMs();
      } else await setImmediate(); // a store in memory leaves no time for anything else
      this.#position = position;
    }
    await checkStillThere(this.#deps.records, this.#plan.dataset); // or what it had may have been dropped
  }

  /** Of a page without rows. */
  heartbeat({ cursor: resumeToken }: ListPage): StreamControl {
    const { clock } = this.#deps;
    const interval = durationOfMs(this.#plan.heartbeatMs);
    const value = { serverTime: timestampOfMs(clock.now()), sequence: 0, resumeToken, interval };
    return { kind: { $case: "heartbeat", value } };
  }

  /** Begins to read what comes after `position`. Nobody may ask for it. */
  #read(position: ListPosition, left: number, { maxRows, maxBytes }: PageLimits): Promise<RowPage> {
    const isFiltered = this.#plan.matches !== undefined;
    const reading = this.#scan(position, { maxRows: isFiltered ? maxRows : Math.min(maxRows, left), maxBytes });
    reading.catch(() => {});
    return reading;
  }

  async #scan({ snapshot, key: afterKey }: ListPosition, limits: PageLimits): Promise<RowPage> {
    const { dataset, range, keysOnly, matches } = this.#plan;
    try {
      return await this.#deps.items.scan({
        collection: dataset.collection,
        ...range,
        ...limits,
        keysOnly: keysOnly && matches === undefined,
        ...(snapshot !== undefined && { snapshot }),
        ...(afterKey !== undefined && { afterKey }),
      });
    } catch (error) {
      throw error instanceof SnapshotExpired ? snapshotExpired(snapshot ?? 0, error) : error;
    }
  }

  /** The rows that are wanted, `left` at most, and where the listing is after them or all that are not. */
  #wanted(scanned: RowPage, left: number): WantedRows {
    const { matches } = this.#plan;
    if (matches !== undefined) return this.#matching(scanned.rows, left, matches);
    const { packed } = scanned;
    if (packed === undefined || packed.count > left || !this.#isWhole) return this.#first(scanned.rows, left);
    const { count, lastKey } = packed;
    const position = after(this.#position, count, lastKey);
    return { rows: () => scanned.rows, packed, count, isThrough: true, scannedAt: undefined, position };
  }

  #first(scanned: readonly Row[], left: number): WantedRows {
    const rows = scanned.length <= left ? scanned : scanned.slice(0, left);
    const position = after(this.#position, rows.length, rows.at(-1)?.key);
    const isThrough = rows.length === scanned.length;
    return { rows: () => rows, count: rows.length, isThrough, scannedAt: undefined, position };
  }

  #matching(scanned: readonly Row[], left: number, matches: (row: Row) => boolean): WantedRows {
    const [rows, scannedAt]: [Row[], number[]] = [[], []];
    let seen = 0;
    for (const row of scanned) {
      if (rows.length === left) break;
      seen += 1;
      if (!matches(row)) continue;
      rows.push(row);
      scannedAt.push(seen);
    }
    const position = after(this.#position, seen, scanned[seen - 1]?.key);
    return { rows: () => rows, count: rows.length, isThrough: seen === scanned.length, scannedAt, position };
  }

  get #isHeartbeatDue(): boolean {
    const { heartbeatMs } = this.#plan;
    return heartbeatMs > 0 && this.#deps.clock.monotonicMs() - this.#sentAt >= heartbeatMs;
  }

  #pageOf(wanted: WantedRows, before: ListPosition, exhausted: boolean): ListPage {
    const { packed, count, scannedAt, position } = wanted;
    let asSent: readonly Row[] | undefined;
    const rows = (): readonly Row[] => (asSent ??= this.#asSent(wanted.rows()));
    return {
      count,
      get rows() {
        return rows();
      },
      packed,
      cursor: this.#cursorAt(position),
      cursorAfter: (index) => this.#cursorAt(after(before, scannedAt?.[index] ?? index + 1, rows()[index]?.key)),
      progress: exhausted ? 1 : Math.min(1, position.scanned / Math.max(1, this.#total)),
    };
  }

  #cursorAt(position: ListPosition): string {
    return cursorOf(position, this.#plan, this.#deps);
  }

  /** Whether items are sent as they are stored. */
  get #isWhole(): boolean {
    return this.#plan.fields === undefined && !this.#plan.keysOnly;
  }

  #asSent(rows: readonly Row[]): readonly Row[] {
    const { fields, keysOnly } = this.#plan;
    if (this.#isWhole) return rows;
    return rows.map((row) => (keysOnly ? { ...row, data: NO_BYTES } : selected(row, fields)));
  }
}

/** Where a listing is that has scanned so many more rows, the last of them with this key. */
function after(position: ListPosition, scanned: number, lastKey: string | undefined): ListPosition {
  if (lastKey === undefined) return position;
  return { ...position, scanned: position.scanned + scanned, key: lastKey };
}

/** The row with the fields of its data that are asked for, if that is JSON. */
export function selected(row: Row, fields: ListPlan["fields"]): Row {
  if (fields === undefined || !isJsonType(headOf(row).contentType)) return row;
  return { ...row, data: projectJson(row.data, fields) };
}

function snapshotExpired(snapshot: number, cause: SnapshotExpired): ServiceError {
  return new ServiceError("SNAPSHOT_EXPIRED", cause.message, { metadata: { snapshot_id: snapshot }, cause });
}
