import type { SyncRequest, SyncResponse } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import type { SyncDeps } from "./sync-deps.js";
import { helloOf, SyncSession } from "./sync-session.js";

/**
 * Synchronizes a replica: takes its changes, each once however often it sends it, and sends it those of others in the
 * collections that it follows. What it is answered is durable. A half-close ends the stream, after answers to all
 * pushes and everything that there was till then.
 */
export async function* syncData(
  requests: AsyncIterable<SyncRequest>,
  context: CallContext,
  deps: SyncDeps,
): AsyncGenerator<SyncResponse, void, undefined> {
  const iterator = requests[Symbol.asyncIterator]();
  const first = await iterator.next();
  const hello = helloOf(first.done === true ? undefined : first.value);
  using session = await SyncSession.open(hello, context, deps);
  context.sendHeaders();
  void listen(iterator, session);
  yield* session.responses();
}

async function listen(requests: AsyncIterator<SyncRequest>, session: SyncSession): Promise<void> {
  try {
    for (let next = await requests.next(); next.done !== true; next = await requests.next()) {
      await session.take(next.value);
      await session.untilRoom();
    }
    session.finish();
  } catch (error) {
    session.fail(error);
  }
}
