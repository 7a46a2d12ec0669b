import { setImmediate } from "node:timers/promises";

import {
  durationOfMs,
  type ListRequest,
  ServiceError,
  type StreamControl,
  timestampOfMs,
} from "@millrace/shared-types";

import { isJsonType } from "../events/filter/json-payload.js";
import { type Row, type RowPage, SnapshotExpired } from "../ports/item-store.js";
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
  readonly rows: readonly Row[];
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
  readonly rows: readonly Row[];
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
      const wanted = this.#wanted(scanned.rows, left);
      const { rows, position } = wanted;
      left -= rows.length;
      const exhausted = scanned.exhausted && position.scanned === this.#position.scanned + scanned.rows.length;
      isOver = exhausted || left === 0;
      if (!isOver) reading = this.#read(position, left, limits);
      if (rows.length > 0 || (!isOver && this.#isHeartbeatDue)) {
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
  #wanted(scanned: readonly Row[], left: number): WantedRows {
    const { matches } = this.#plan;
    if (matches === undefined) {
      const rows = scanned.length <= left ? scanned : scanned.slice(0, left);
      return { rows, scannedAt: undefined, position: after(this.#position, rows.length, rows.at(-1)) };
    }
    const [rows, scannedAt]: [Row[], number[]] = [[], []];
    let count = 0;
    for (const row of scanned) {
      if (rows.length === left) break;
      count += 1;
      if (!matches(row)) continue;
      rows.push(row);
      scannedAt.push(count);
    }
    return { rows, scannedAt, position: after(this.#position, count, scanned[count - 1]) };
  }

  get #isHeartbeatDue(): boolean {
    const { heartbeatMs } = this.#plan;
    return heartbeatMs > 0 && this.#deps.clock.monotonicMs() - this.#sentAt >= heartbeatMs;
  }

  #pageOf({ rows, scannedAt, position }: WantedRows, before: ListPosition, exhausted: boolean): ListPage {
    return {
      rows: this.#isWhole ? rows : rows.map((row) => this.#asSent(row)),
      cursor: this.#cursorAt(position),
      cursorAfter: (index) => this.#cursorAt(after(before, scannedAt?.[index] ?? index + 1, rows[index])),
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

  #asSent(row: Row): Row {
    const { fields, keysOnly } = this.#plan;
    return keysOnly ? { ...row, data: NO_BYTES } : selected(row, fields);
  }
}

/** Where a listing is that has scanned so many more rows, the last of them `last`. */
function after(position: ListPosition, scanned: number, last: Row | undefined): ListPosition {
  if (last === undefined) return position;
  return { ...position, scanned: position.scanned + scanned, key: last.key };
}

/** The row with the fields of its data that are asked for, if that is JSON. */
export function selected(row: Row, fields: ListPlan["fields"]): Row {
  if (fields === undefined || !isJsonType(headOf(row).contentType)) return row;
  return { ...row, data: projectJson(row.data, fields) };
}

function snapshotExpired(snapshot: number, cause: SnapshotExpired): ServiceError {
  return new ServiceError("SNAPSHOT_EXPIRED", cause.message, { metadata: { snapshot_id: snapshot }, cause });
}
