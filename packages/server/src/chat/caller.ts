import { ServiceError } from "@millrace/shared-types";

import { newId } from "../records/new-id.js";
import type { CallContext } from "../rpc/call-context.js";

import type { ChatDeps } from "./chat-deps.js";

/** Who makes a call. */
export interface Caller {
  /** Identity, as authentication found it; what rooms and their members are checked against. Empty: anonymous. */
  readonly id: string;
  /** Author of what the caller sends: the identity, or a name for this call alone. */
  readonly userId: string;
  /** Whose rate limit counts. */
  readonly rateKey: string;
}

/**
 * The caller of a chat RPC. Anonymous ones get a name of their own for each call; their unary calls share
 * the rate limit of their connection.
 *
 * @throws ServiceError `UNAUTHENTICATED` if the caller is anonymous where that is not allowed
 */
export function callerOf(
  { principal: { id }, kind, peer }: CallContext,
  { allowAnonymous }: Pick<ChatDeps, "allowAnonymous">,
): Caller {
  if (id !== "") return { id, userId: id, rateKey: id };
  if (!allowAnonymous) throw new ServiceError("UNAUTHENTICATED", "the chat needs to know who calls");
  const userId = `anon-${newId().slice(0, 12)}`;
  return { id, userId, rateKey: kind === "unary" ? peer : userId };
}
