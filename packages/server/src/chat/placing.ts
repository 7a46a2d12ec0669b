import type { ChatJoin } from "@millrace/shared-types";
import { invalidField } from "@millrace/shared-types";

import type { Room } from "./room.js";
import type { Extent, Place } from "./room-history.js";

/** Stored messages that a join brings at most. */
const MAX_JOIN_HISTORY = 1000;

/** Where in a room a stream begins to read. */
export interface Placing {
  readonly after: Place;
  /** If the stream is in the room already, it goes on where it is. Default false. */
  readonly goesOn?: boolean;
  /** What the room held when it was decided. */
  readonly extent: Extent;
  /** Everything after the position that the client gave will be sent. */
  readonly recovered: boolean;
}

/** Only what is stored from now on. */
export async function placeAtEnd({ history }: Room): Promise<Placing> {
  const extent = await history.extent();
  return { after: extent.newest, extent, recovered: false };
}

/** Where the stream is already: other kinds of messages come from now on. */
export async function placeWhereItIs(room: Room): Promise<Placing> {
  return { ...(await placeAtEnd(room)), goesOn: true };
}

/**
 * What a join asks for: the messages after a position, or some of the newest, and then what is stored from now on.
 *
 * @throws ServiceError `INVALID_FIELD` at once
 */
export function placeByJoin(join: ChatJoin): (room: Room) => Promise<Placing> {
  const { afterSequence = 0, historyLimit } = join;
  if (afterSequence < 0) throw invalidField("control.join.after_sequence", "must not be negative");
  if (historyLimit < 0) throw invalidField("control.join.history_limit", "must not be negative");
  return (room) => placeIn(room, join);
}

async function placeIn({ history, epoch }: Room, join: ChatJoin): Promise<Placing> {
  const extent = await history.extent();
  const { firstRevision, newest } = extent;
  const position = knownPosition(join, epoch, newest);
  const start = Math.max(position ?? 0, newest.revision - historyLimitOf(join), firstRevision - 1);
  const after = await history.placeAfter(start, newest);
  return { after, extent, recovered: position === start };
}

function historyLimitOf({ afterSequence, historyLimit }: ChatJoin): number {
  if (historyLimit > 0) return Math.min(historyLimit, MAX_JOIN_HISTORY);
  return afterSequence === undefined ? 0 : MAX_JOIN_HISTORY;
}

/** The client's position, if it means anything in the room as it is now. */
function knownPosition({ afterSequence, epoch }: ChatJoin, roomEpoch: string, newest: Place): number | undefined {
  if (afterSequence === undefined || afterSequence > newest.revision) return undefined;
  return epoch === "" || epoch === roomEpoch ? afterSequence : undefined;
}
