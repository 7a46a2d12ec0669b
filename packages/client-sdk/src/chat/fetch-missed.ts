import { isDeepStrictEqual } from "node:util";

import { UnavailableError } from "../errors.js";
import { answerOf } from "../files/answer-of.js";
import type { ResumeLoop } from "../rpc/resume-loop.js";
import type { ChatDeps } from "./chat-api.js";
import type { Inbox } from "./inbox.js";
import { listMessages, type MessagePage } from "./list-messages.js";
import type { ChatGap, ChatJoinOptions } from "./types.js";

/** Messages fetched at a time: with 16 KiB of content each they fit into one message of the transport. */
const PAGE_SIZE = 100;

/** What fetching works on. */
export interface MissedTask {
  readonly room: string;
  readonly inbox: Inbox;
  readonly headers: ChatJoinOptions["headers"];
  /** Decides when a fetch that failed is tried again. */
  readonly loop: ResumeLoop;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Called with what can never come. @throws what the room is to fail with */
  readonly onGap: (gap: ChatGap) => void;
}

/**
 * Brings some of the messages that the inbox is behind of, or skips those that are no longer stored.
 *
 * @throws {StreamingError} if they cannot be had
 */
export async function fetchMissed({ rpc }: ChatDeps, task: MissedTask): Promise<void> {
  const { room: roomId, inbox, headers, loop, signal } = task;
  const after = inbox.position;
  try {
    const request = { roomId, afterSequence: after.sequence, pageSize: PAGE_SIZE };
    const page = await answerOf(listMessages(rpc, request, { signal, retry: false, ...(headers && { headers }) }));
    // The room may have been joined again meanwhile, and found to be another one.
    if (isDeepStrictEqual(inbox.position, after)) accept(page, task);
    loop.progressed();
  } catch (error) {
    await loop.waitAfter(error, String(after.sequence));
  }
}

function accept(page: MessagePage, { room, inbox, onGap }: MissedTask): void {
  const gap = inbox.compare({ ...page, recovered: true });
  if (gap !== undefined) return onGap(gap);
  for (const message of page.messages) inbox.add(message);
  if (!inbox.isBehind) return;
  const text = `the history of room ${room} lacks message ${String(inbox.position.sequence + 1)}`;
  throw new UnavailableError(text, { origin: "server", retryable: true });
}
