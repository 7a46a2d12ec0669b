import { DEFAULT_BATCH_EVENTS, DEFAULT_LIMITS, invalidField, MAX_BATCH_EVENTS } from "@millrace/shared-types";

import { encodeEvents, piecesOf } from "./encode-events.js";
import type { EventsDeps } from "./events-deps.js";
import type { FeedEvent } from "./feed.js";
import { takeRun } from "./take-run.js";
import type { EventView } from "./watch-plan.js";
import { written } from "../wire/written.js";

/** Events of a message, unless one publication is larger, in bytes. */
export const BATCH_BYTES: number = 128 * 1024;

/** A publication is larger than this only with the payloads of earlier events: then it is split all the same. */
const MAX_BATCH_BYTES = DEFAULT_LIMITS.maxMessageBytes - 16 * 1024;

/** Of WatchEventBatchesResponse.batch and ReadEventsResponse.batch. */
const BATCH_TAG = 0x0a;
/** Of the fields of EventBatch. */
const EVENTS_TAG = 0x0a;
const RESUME_TOKEN_TAG = 0x12;

/** Tag and length of an event in a batch, in bytes. */
const EVENT_HEADER_BYTES = 5;

/** Events that are sent together. */
export interface BatchRun {
  readonly events: readonly FeedEvent[];
  /** Where a reader goes on after them. */
  readonly position: number;
  /** They go from newer to older. Default false. */
  readonly backwards?: boolean;
}

/** A whole WatchEventBatchesResponse or ReadEventsResponse, serialized. */
export interface EncodedBatch {
  readonly message: Uint8Array;
  /** Where a reader goes on after it. */
  readonly position: number;
  /** It has all events of the run that it was made of. */
  readonly isWhole: boolean;
}

/** Serializes a run in messages of a bounded size; publications are not split. Holds one message. */
export async function* encodeBatches(
  run: BatchRun,
  maxEvents: number,
  view: EventView,
  deps: Pick<EventsDeps, "log" | "positions">,
): AsyncGenerator<EncodedBatch, void, undefined> {
  for (const part of batchesOf(run, maxEvents)) yield* encodeBatch(part, view, deps);
}

/** Parts of a run that are messages of a bounded size; publications are not split. */
export function* batchesOf(run: BatchRun, maxEvents: number): Generator<BatchRun, void, undefined> {
  for (let rest = run.events; rest.length > 0;) {
    const { events, isAll } = takeRun(rest, { maxEvents, maxBytes: BATCH_BYTES });
    rest = rest.slice(events.length);
    yield { ...run, events, position: isAll ? run.position : positionAfter(events, run) };
  }
}

/** One message, but for a publication that is too large for it. */
export async function* encodeBatch(
  run: BatchRun,
  view: EventView,
  { log, positions }: Pick<EventsDeps, "log" | "positions">,
): AsyncGenerator<EncodedBatch, void, undefined> {
  let parts: Uint8Array[] = [];
  let size = 0;
  let last: FeedEvent | undefined;
  const batchUpTo = (position: number): EncodedBatch => ({
    message: toMessage(parts, positions.tokenAfter(position)),
    position,
    isWhole: parts.length === run.events.length,
  });
  for (const piece of piecesOf(run.events, view)) {
    const encoded = await encodeEvents(piece, view, log);
    for (const [index, bytes] of encoded.entries()) {
      if (last !== undefined && size + bytes.length > MAX_BATCH_BYTES) {
        yield batchUpTo(positionAfter([last], run));
        parts = [];
        size = 0;
      }
      parts.push(bytes);
      size += bytes.length + EVENT_HEADER_BYTES;
      last = piece[index];
    }
  }
  yield batchUpTo(run.position);
}

function positionAfter(events: readonly FeedEvent[], { backwards = false, position }: BatchRun): number {
  const sequence = events.at(-1)?.log.sequence;
  if (sequence === undefined) return position;
  return backwards ? sequence - 1 : sequence;
}

/** Most events of a message that a request asks for. */
export function batchEventsOf(field: string, maxEvents: number): number {
  if (maxEvents < 0) throw invalidField(field, `is ${String(maxEvents)}, must not be negative`);
  return Math.min(maxEvents || DEFAULT_BATCH_EVENTS, MAX_BATCH_EVENTS);
}

function toMessage(events: readonly Uint8Array[], resumeToken: string): Uint8Array {
  return written((writer) => {
    writer.uint32(BATCH_TAG).fork();
    for (const event of events) writer.uint32(EVENTS_TAG).bytes(event);
    return writer.uint32(RESUME_TOKEN_TAG).string(resumeToken).join();
  });
}
