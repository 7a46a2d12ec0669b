import type { ChatMessage, ListMessagesRequest, ListMessagesResponse } from "@millrace/shared-types";
import { invalidField } from "@millrace/shared-types";

import { MAX_PAGE_BYTES } from "../records/load-page.js";
import { pageLimit } from "../records/page-tokens.js";
import type { CallContext } from "../rpc/call-context.js";

import type { ChatDeps } from "./chat-deps.js";
import type { Room } from "./room.js";
import { readableRoom } from "./room-access.js";
import type { Extent } from "./room-history.js";

/** Events of one read: with their messages, a few MiB at most. */
const READ = { maxEvents: 100, maxBytes: 256 * 1024 };

/** A page's positions in the room: both are left out. */
interface Span {
  readonly after: number;
  readonly before: number;
}

/**
 * Pages through the history of a room, as it is now: with edits, and without what was redacted. A page may be
 * shorter than asked for; `has_more` counts.
 */
export async function listMessages(
  request: ListMessagesRequest,
  context: CallContext,
  deps: ChatDeps,
): Promise<ListMessagesResponse> {
  const limit = pageLimit(request.pageSize);
  checkPositions(request);
  using use = await readableRoom(request.roomId, context, deps);
  const { room } = use;
  const extent = await room.history.extent();
  const span = spanOf(request, extent);
  const messages = await pageOf(room, span, extent, { limit, backwards: request.backwards });
  return {
    messages,
    hasMore: hasMore(messages, span, request.backwards),
    firstSequence: extent.firstRevision,
    lastSequence: extent.newest.revision,
    epoch: room.epoch,
  };
}

function checkPositions({ afterSequence, beforeSequence }: ListMessagesRequest): void {
  if (afterSequence < 0) throw invalidField("after_sequence", "must not be negative");
  if (beforeSequence < 0) throw invalidField("before_sequence", "must not be negative");
}

function spanOf({ afterSequence, beforeSequence }: ListMessagesRequest, { firstRevision, newest }: Extent): Span {
  const end = newest.revision + 1;
  return {
    after: Math.max(afterSequence, firstRevision - 1),
    before: beforeSequence === 0 ? end : Math.min(beforeSequence, end),
  };
}

async function pageOf(
  { history, messages }: Room,
  { after, before }: Span,
  { newest }: Extent,
  { limit, backwards }: { readonly limit: number; readonly backwards: boolean },
): Promise<ChatMessage[]> {
  const page: ChatMessage[] = [];
  if (after + 1 >= before) return page;
  const from = await history.placeAfter(after, newest);
  const to = await history.placeAfter(before - 1, newest);
  let part = { after: from.sequence, until: to.sequence };
  for (let bytes = 0; ;) {
    const maxEvents = Math.min(READ.maxEvents, limit - page.length);
    const { events, scannedTo, exhausted } = await history.read({ ...READ, maxEvents, ...part, backwards });
    for (const {
      message,
      bytes: { length },
    } of await messages.show(events)) {
      bytes += length;
      if (bytes > MAX_PAGE_BYTES && page.length > 0) return page;
      page.push(message);
    }
    if (exhausted || page.length >= limit) return page;
    part = backwards ? { ...part, until: scannedTo - 1 } : { ...part, after: scannedTo };
  }
}

function hasMore(messages: readonly ChatMessage[], { after, before }: Span, backwards: boolean): boolean {
  const last = messages.at(-1);
  if (last === undefined) return false;
  return backwards ? last.sequence > after + 1 : last.sequence < before - 1;
}
