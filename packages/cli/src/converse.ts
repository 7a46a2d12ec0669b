import type { ChatRoom } from "@millrace/client-sdk";

/** The two halves of a conversation. */
export interface Conversation {
  /** Sends until there is nothing more to say, or `over` aborts: the room has ended, or Ctrl-C. */
  readonly send: (over: AbortSignal) => Promise<void>;
  /** Prints what is said until the room ends. */
  readonly print: () => Promise<void>;
}

/**
 * Sends and prints until there is nothing more to say, then leaves the room; what was said before is still
 * printed. Ctrl-C is a normal end.
 *
 * @throws what went wrong first: on the way out, or else in the room
 */
export async function converse(room: ChatRoom, signal: AbortSignal, { send, print }: Conversation): Promise<void> {
  const ended = new AbortController();
  void room.closed.then(() => ended.abort());
  const sending = sendAndLeave(room, () => send(AbortSignal.any([signal, ended.signal])));
  for (const result of await Promise.allSettled([sending, print()])) {
    if (result.status === "rejected" && !signal.aborted) throw result.reason;
  }
}

async function sendAndLeave(room: ChatRoom, send: () => Promise<void>): Promise<void> {
  try {
    await send();
  } finally {
    await room.leave();
  }
}
